//! DER taken apart (X.690): elements of tag, length and content. Nothing is read beyond the bytes given.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// Tag and length included.
    pub(crate) whole: &'a [u8],
}

/// What is still to be read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element; none at the end, and where it is cut short. Tags of several bytes are none of certificates.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    /// The next element if it has this tag, else none and nothing is read.
    pub(crate) fn next_if(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// What is in the next element, which has to be a sequence.
    pub(crate) fn sequence(&mut self) -> Option<Self> {
        self.next_if(SEQUENCE).map(|element| Self(element.content))
    }
}

/// An object identifier's content as `1.2.840`.
pub(crate) fn oid(content: &[u8]) -> String {
    let mut text = String::new();
    let mut number: u64 = 0;
    for byte in content {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if text.is_empty() {
                let first = (number / 40).min(2);
                text = format!("{first}.{}", number - first * 40);
            } else {
                text += &format!(".{number}");
            }
            number = 0;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_and_never_beyond() {
        let bytes = [0x30, 0x06, 0x02, 0x01, 0x05, 0x04, 0x01, b'x', 0x05, 0x00];
        let mut reader = Reader(&bytes);
        let mut inner = reader.sequence().unwrap();
        assert_eq!(inner.next_if(OCTET_STRING), None);
        assert_eq!(inner.next_if(INTEGER).unwrap().content, [5]);
        assert_eq!(inner.next().unwrap().whole, [4, 1, b'x']);
        assert_eq!((inner.next(), reader.next().unwrap().tag, reader.next()), (None, 5, None));
        let long = [&[0x04, 0x82, 0x01, 0x00][..], &[7; 256]].concat();
        assert_eq!(Reader(&long).next().unwrap().content.len(), 256);
        for end in 0..long.len() {
            assert_eq!(Reader(&long[..end]).next(), None);
        }
        assert_eq!(Reader(&[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).next(), None);
        assert_eq!(Reader(&[4, 0x85, 1, 1, 1, 1, 1, 1]).next(), None);
        assert_eq!(Reader(&[4, 0x80]).next(), None);
    }

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(oid(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), "1.2.840.113549.1.1.11");
        assert_eq!(oid(&[0x88, 0x37, 1]), "2.999.1");
        assert_eq!((oid(&[]), oid(&[0xff; 30])), (String::new(), String::new()));
    }
}
