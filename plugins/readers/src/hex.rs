//! Bytes as hexadecimal digits.

/// Returns two upper-case digits per byte, as openssl(1) writes serial numbers and fingerprints.
#[must_use]
pub fn upper(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!((upper(&[0, 0x0f, 0xa5, 0xff]).as_str(), upper(&[]).as_str()), ("000FA5FF", ""));
    }
}
