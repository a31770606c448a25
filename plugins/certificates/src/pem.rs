//! Certificates in PEM (RFC 7468), what stands between them left out: explanations, and private keys, which are not
//! even decoded.

const LABELS: [&str; 3] = ["CERTIFICATE-----", "X509 CERTIFICATE-----", "TRUSTED CERTIFICATE-----"];
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// The certificates of a text in their order, each as DER; `None` for one that is no base64 or has no end.
pub(crate) fn certificates(text: &str) -> Vec<Option<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        rest = &rest[at + BEGIN.len()..];
        let Some(label) = LABELS.iter().find(|label| rest.starts_with(**label)) else { continue };
        rest = &rest[label.len()..];
        let Some(end) = rest.find(END) else {
            found.push(None);
            break;
        };
        found.push(decode(&rest.as_bytes()[..end]));
        rest = &rest[end..];
    }
    found
}

/// The value of each character, or one of the two below.
const VALUES: [u8; 256] = {
    let mut values = [OTHER; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut index: u8 = 0;
    while index < 64 {
        values[alphabet[index as usize] as usize] = index;
        index += 1;
    }
    values[b'\n' as usize] = BLANK;
    values[b'\r' as usize] = BLANK;
    values[b' ' as usize] = BLANK;
    values[b'\t' as usize] = BLANK;
    values
};
const BLANK: u8 = 0x40;
const OTHER: u8 = 0x80;

/// Base64, white space between left out. By fours: a machine's trust store is 400 KB.
fn decode(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 4 * 3 + 3];
    let (mut length, mut bits, mut count) = (0, 0_u32, 0);
    while let Some((first, rest)) = text.split_first() {
        if let (0, Some((four, rest))) = (count, text.split_first_chunk::<4>()) {
            let [a, b, c, d] = four.map(|byte| VALUES[usize::from(byte)]);
            if a | b | c | d < BLANK {
                let [_, three @ ..] =
                    (u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d))
                        .to_be_bytes();
                bytes[length..length + 3].copy_from_slice(&three);
                length += 3;
                text = rest;
                continue;
            }
        }
        text = rest;
        match VALUES[usize::from(*first)] {
            BLANK => {}
            OTHER if *first == b'=' => break,
            OTHER => return None,
            value => {
                bits = bits << 6 | u32::from(value);
                count = (count + 1) % 4;
                if count == 0 {
                    bytes[length..length + 3].copy_from_slice(&bits.to_be_bytes()[1..]);
                    (length, bits) = (length + 3, 0);
                }
            }
        }
    }
    // Two or three characters are left for one or two bytes.
    bytes.truncate(length);
    match count {
        1 => return None,
        2 => bytes.push((bits >> 4).to_be_bytes()[3]),
        3 => bytes.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        _ => {}
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded() {
        for (text, want) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9v\r\nYg==\n", Some(b"foob")),
            ("Zm9vYmE", Some(b"fooba")),
            ("Z\nm9vY g=\n=", Some(b"foob")),
            ("====", Some(b"")),
            ("+/+/", Some(&[0xfb, 0xff, 0xbf])),
            ("Z", None),
            ("Zm9v!", None),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn only_certificates_are_taken() {
        let text = "Subject: x\n-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n\
            -----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n\
            -----BEGIN TRUSTED CERTIFICATE-----\r\nYmFy\r\n-----END TRUSTED CERTIFICATE-----\r\n\
            -----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nZm9v\n";
        let found = certificates(text);
        assert_eq!(found, [Some(b"foo".to_vec()), Some(b"bar".to_vec()), None, None]);
        for end in 0..text.len() {
            let _ = certificates(&text[..end]);
        }
    }
}
