//! Escaped bytes in the kernel's and udev's files. An escape that isn't complete stands for itself.

/// Decodes `\040`: three octal digits, up to `\377`, as /proc/self/mountinfo and /proc/swaps write
/// blanks, tabs, line ends and backslashes (getmntent(3)).
#[must_use]
pub fn octal(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

/// Decodes `\040` in a text, with U+FFFD for what isn't UTF-8 then.
#[must_use]
pub fn octal_text(text: &str) -> String {
    crate::text::lossy(octal(text.as_bytes()))
}

/// Decodes `\x20` in a text (udev's encoding of a device's own words), with U+FFFD for what isn't
/// UTF-8 then.
#[must_use]
pub fn hex_text(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match after {
            [b'x', a, b, after @ ..]
                if *first == b'\\' && [a, b].iter().all(|c| c.is_ascii_hexdigit()) =>
            {
                bytes.push(hex_digit(*a) << 4 | hex_digit(*b));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    crate::text::lossy(bytes)
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_escapes_are_decoded() {
        for (text, want) in [
            ("/swap\\040file", "/swap file"),
            ("\\134040", "\\040"),
            ("\\303\\251", "é"),
            ("\\377", "\u{fffd}"),
            ("\\0", "\\0"),
            ("\\", "\\"),
            ("\\\\040", "\\ "),
            ("\\999", "\\999"),
            ("\\400", "\\400"),
            ("", ""),
        ] {
            assert_eq!(octal_text(text), want, "{text}");
        }
        assert_eq!(octal(b"\\040\xff"), b" \xff");
    }

    #[test]
    fn hexadecimal_escapes_are_decoded() {
        for (text, want) in [
            ("my\\x20disk", "my disk"),
            ("\\xe9", "\u{fffd}"),
            ("\\xc3\\xa9", "é"),
            ("\\xAf\\xaF", "\u{fffd}\u{fffd}"),
            ("\\x+4\\x-1", "\\x+4\\x-1"),
            ("\\x\\x4\\xzz", "\\x\\x4\\xzz"),
            ("\\", "\\"),
            ("é\\x20", "é "),
            ("\\x4é", "\\x4é"),
            ("", ""),
        ] {
            assert_eq!(hex_text(text), want, "{text}");
        }
    }
}
