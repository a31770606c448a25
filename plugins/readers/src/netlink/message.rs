//! The framing of netlink messages and their attributes, in this machine's byte order.

use crate::integer::{ne_u16, ne_u32};

/// The length of a message's header: length, type, flags, sequence number, port.
pub(super) const HEADER: usize = 16;
/// The length of an attribute's header: length, type.
const ATTRIBUTE_HEADER: usize = 4;
/// The bits of an attribute's type; those above say that it nests, and in which byte order.
const ATTRIBUTE_KIND: u16 = 0x3fff;

/// One message.
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

/// Returns the messages of a datagram, up to the first that is cut short.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(ne_u32(bytes, 0)?).ok()?;
        let message = Message {
            kind: ne_u16(bytes, 4)?,
            flags: ne_u16(bytes, 6)?,
            sequence: ne_u32(bytes, 8)?,
            payload: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// Returns the attributes of a message, or those nested in an attribute, as type and value. Ends at
/// the first that is cut short.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(ne_u16(bytes, 0)?);
        let kind = ne_u16(bytes, 2)? & ATTRIBUTE_KIND;
        let value = bytes.get(ATTRIBUTE_HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Writes a message.
pub(super) fn encode(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(HEADER + payload.len()).ok()?;
    let mut message = Vec::with_capacity(HEADER + payload.len());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(payload);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_never_read_past_the_end() {
        let bytes = [5, 0, 3, 0, b'x', 0, 0, 0, 8, 0, 4, 0x80, 1, 2, 3, 4];
        let found: Vec<(u16, &[u8])> = attributes(&bytes).collect();
        if cfg!(target_endian = "little") {
            assert_eq!(found, [(3, &b"x"[..]), (4, &[1, 2, 3, 4][..])]);
        }
        for end in 0..bytes.len() {
            assert!(attributes(&bytes[..end]).count() <= 1);
        }
        // A length below that of its own header, and one of nothing.
        assert_eq!(attributes(&[3, 0, 1, 0, 0, 0]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }

    #[test]
    fn messages_are_never_read_past_the_end() {
        let one = encode(7, 1, 42, b"abc").unwrap();
        let mut two = one.clone();
        two.push(0);
        two.extend_from_slice(&one);
        let found: Vec<(u16, u32, &[u8])> = messages(&two)
            .map(|message| (message.kind, message.sequence, message.payload))
            .collect();
        assert_eq!(found, [(7, 42, &b"abc"[..]); 2]);
        for end in 0..two.len() {
            assert!(messages(&two[..end]).count() <= 1);
        }
        for hostile in [[0; 64], [0xff; 64]] {
            assert_eq!(messages(&hostile).count(), 0);
        }
    }
}
