//! The uids of ordinary users: UID_MIN to UID_MAX of /etc/login.defs (login.defs(5)), read as
//! useradd(8) reads them (shadow's lib/getdef.c, and strtoul(3) with base 0).

use std::ops::RangeInclusive;
use std::path::Path;

/// shadow-utils' own defaults, used if the file or a line is absent, or its number is invalid.
const DEFAULT: (u32, u32) = (1000, 60000);
/// The most bytes that are read.
const MAX_BYTES: usize = 1 << 20;

/// Returns the uids of ordinary users.
pub(crate) fn ordinary_uids() -> RangeInclusive<u32> {
    parse(&readers::regular::bytes(Path::new("/etc/login.defs"), MAX_BYTES).unwrap_or_default())
}

/// Reads lines of a key and a value; the last line of a key counts.
fn parse(text: &[u8]) -> RangeInclusive<u32> {
    let (mut min, mut max) = DEFAULT;
    for line in text.split(|byte| *byte == b'\n') {
        match entry(line) {
            Some((b"UID_MIN", value)) => min = number(value).unwrap_or(DEFAULT.0),
            Some((b"UID_MAX", value)) => max = number(value).unwrap_or(DEFAULT.1),
            _ => {}
        }
    }
    min..=max
}

/// Splits a line into the key and the rest, which may be in double quotes. A comment has a line of
/// its own: after a number it makes the number invalid.
fn entry(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let (key, rest) = line.split_at(end);
    let start = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'"'))?;
    let value = rest[start..].split(|byte| *byte == b'"').next().unwrap_or_default();
    (!key.starts_with(b"#")).then_some((key, value))
}

/// Parses a number: decimal, octal (`0…`) or hexadecimal (`0x…`, `0X…`), perhaps after a `+`.
fn number(text: &[u8]) -> Option<u32> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (base, digits) = match text {
        [b'0', b'x' | b'X', hex @ ..] => (16, hex),
        [b'0', octal @ ..] if !octal.is_empty() => (8, octal),
        decimal => (10, decimal),
    };
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, base).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_useradd_reads_them() {
        for (text, want) in [
            ("", 1000..=60000),
            ("#UID_MIN 5\nUID_MIN\t\t 500\nSYS_UID_MIN 101\n", 500..=60000),
            ("UID_MAX 0x10000\nUID_MIN 01750", 1000..=65536),
            ("UID_MIN five\nUID_MAX", 1000..=60000),
            ("UID_MIN 1\nUID_MIN 2", 2..=60000),
            ("UID_MIN \"3000\"\nUID_MAX \"4000\r\n", 3000..=4000),
            (" UID_MIN 0XBBA \n\tUID_MAX +70000", 3002..=70000),
            ("UID_MIN 500\nUID_MIN 08", 1000..=60000),
            ("UID_MIN 500 # a comment\nUID_MAX 1 2", 1000..=60000),
            ("UID_MIN -1\nUID_MAX 0x+5\n", 1000..=60000),
            ("uid_min 5\nUID_MIN=5\n#UID_MAX 0", 1000..=60000),
        ] {
            assert_eq!(parse(text.as_bytes()), want, "{text:?}");
        }
    }
}
