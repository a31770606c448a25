//! The elements of DER (X.690): a tag, a length, a content.

/// The tags that certificates are made of.
pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Returns the tag of `[number]`, as a constructed element.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// The element with its tag and length.
    pub(crate) whole: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// The elements that follow each other in some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Elements<'a>(pub(crate) &'a [u8]);

impl<'a> Elements<'a> {
    /// Returns the next element; `None` at the end, and where the bytes are not DER.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let bytes = self.0;
        let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
        // Certificates have no tag above 30.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (start, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            0x81..=0x84 => {
                let start = 2 + usize::from(first & 0x7f);
                let digits = bytes.get(2..start)?;
                (start, digits.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
            }
            _ => return None,
        };
        let end = start.checked_add(length)?;
        let element = Element { tag, whole: bytes.get(..end)?, content: &bytes[start..end] };
        self.0 = &bytes[end..];
        Some(element)
    }

    /// Returns the next element if it has this tag, and otherwise leaves it.
    pub(crate) fn next_of(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut after = *self;
        let element = after.next().filter(|element| element.tag == tag)?;
        *self = after;
        Some(element)
    }
}

/// Returns the element that the bytes begin with, without what follows it.
pub(crate) fn first(bytes: &[u8], tag: u8) -> Option<Element<'_>> {
    Elements(bytes).next_of(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_never_read_past_the_end() {
        let bytes = [0x30, 3, 2, 1, 5, 4, 0x81, 1, b'x', 0];
        let mut all = Elements(&bytes);
        assert!(all.next_of(SET).is_none());
        let sequence = all.next_of(SEQUENCE).unwrap();
        assert_eq!(
            (sequence.whole, first(sequence.content, INTEGER).unwrap().content),
            (&bytes[..5], &[5][..])
        );
        assert_eq!(all.next().unwrap().content, b"x");
        assert!(all.next().is_none());
        for hostile in
            [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x1f, 0], &[0x30]]
        {
            assert!(Elements(hostile).next().is_none(), "{hostile:?}");
        }
    }
}
