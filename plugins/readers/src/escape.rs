//! Escaped bytes: decoded from the kernel's and udev's files, where an escape that isn't complete
//! stands for itself, and encoded in answers for names that may hold any byte.

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

/// Encodes a name of any bytes as one line of text: `\x0a` for a byte of a control character and
/// for a byte that isn't part of UTF-8, `\x5c` for a backslash. Two names never become the same
/// text, and [`hex_text`] decodes it.
#[must_use]
pub fn hex_encoded(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || letter == '\\' {
                let mut utf8 = [0; 4];
                letter.encode_utf8(&mut utf8).bytes().for_each(|byte| push_hex(&mut text, byte));
            } else {
                text.push(letter);
            }
        }
        chunk.invalid().iter().for_each(|byte| push_hex(&mut text, *byte));
    }
    text
}

/// Appends a byte as `\x0a`.
pub fn push_hex(text: &mut String, byte: u8) {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    text.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
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
    fn names_of_any_bytes_are_one_line_and_stay_distinct() {
        for (name, want) in [
            (&b"/run/a b"[..], "/run/a b"),
            (b"a\nb\0\x7f", "a\\x0ab\\x00\\x7f"),
            (b"a\\x0ab", "a\\x5cx0ab"),
            ("\u{85}é\u{2028}".as_bytes(), "\\xc2\\x85é\u{2028}"),
            (b"\xff\xc3", "\\xff\\xc3"),
            (b"", ""),
        ] {
            assert_eq!(hex_encoded(name), want);
            assert_eq!(hex_text(want), String::from_utf8_lossy(name));
        }
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
