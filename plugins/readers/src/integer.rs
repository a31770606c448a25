//! Integers at a place in a record. Each function returns `None` if the record ends before the
//! integer does.

/// Reads a `u16` in this machine's byte order.
#[must_use]
pub fn ne_u16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_ne_bytes)
}

/// Reads a `u32` in this machine's byte order.
#[must_use]
pub fn ne_u32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

/// Reads an `i32` in this machine's byte order.
#[must_use]
pub fn ne_i32(bytes: &[u8], at: usize) -> Option<i32> {
    array(bytes, at).map(i32::from_ne_bytes)
}

/// Reads a `u64` in this machine's byte order.
#[must_use]
pub fn ne_u64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_ne_bytes)
}

/// Reads a big-endian `u16`.
#[must_use]
pub fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Reads a big-endian `u32`.
#[must_use]
pub fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// Reads a big-endian `u64`.
#[must_use]
pub fn be_u64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Reads a little-endian `u32`.
#[must_use]
pub fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_never_read_past_the_end() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((be_u16(&bytes, 6), be_u32(&bytes, 4)), (Some(0x0708), Some(0x0506_0708)));
        assert_eq!(
            (be_u64(&bytes, 0), le_u32(&bytes, 0)),
            (Some(0x0102_0304_0506_0708), Some(0x0403_0201))
        );
        assert_eq!(ne_u64(&bytes, 0), Some(u64::from_ne_bytes(bytes)));
        assert_eq!(ne_i32(&[0xff; 4], 0), Some(-1));
        for at in [5, 8, 9, usize::MAX - 1, usize::MAX] {
            assert_eq!((ne_u32(&bytes, at), be_u64(&bytes, at)), (None, None), "{at}");
        }
        assert_eq!((ne_u16(&bytes, 7), ne_u16(&[], 0)), (None, None));
    }
}
