//! DER (X.690), as much of it as keys, certificates and certificate requests need.

/// Tags of the elements that are read or written here.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: the version in a certificate, the attributes in a request.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// Splits off the first element: its tag, its content, and the bytes behind it.
pub(crate) fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        length = bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Splits off the first element, which has this tag: its content, and the bytes behind it.
pub(crate) fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// Writes an element whose content is these parts, one after the other.
pub(super) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            // At most 8 bytes of length.
            out.push(0x80 | u8::try_from(bytes.len() - zeros).unwrap_or(8));
            out.extend_from_slice(&bytes[zeros..]);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_of_any_length_reads_back() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let content = vec![7; length];
            let mut der = write(OCTET_STRING, &[&content]);
            der.push(9);
            assert_eq!(element(&der), Some((OCTET_STRING, &content[..], &[9][..])), "{length}");
        }
        for der in [&b""[..], b"\x30", b"\x30\x02\x00", b"\x30\x85\0\0\0\0\x01\0", b"\x30\xff"] {
            assert_eq!(element(der), None);
        }
    }
}
