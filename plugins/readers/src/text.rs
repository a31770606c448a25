//! Text out of bytes that need not be UTF-8.

/// Returns the bytes as text, with U+FFFD for what isn't UTF-8. Bytes that are UTF-8 are not
/// copied.
#[must_use]
pub fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// Returns the text of a field of fixed length: up to the first NUL, or all of the field.
#[must_use]
pub fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_at_nul() {
        for (bytes, want) in [
            (&b"eth0\0x"[..], "eth0"),
            (b"eth0", "eth0"),
            (b"", ""),
            (b"\0", ""),
            (b"\xff\0", "\u{fffd}"),
        ] {
            assert_eq!(until_nul(bytes), want, "{bytes:?}");
        }
        assert_eq!((lossy(b"a\xe9".to_vec()), lossy("é".into())), ("a\u{fffd}".into(), "é".into()));
    }
}
