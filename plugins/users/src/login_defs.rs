//! The uids of ordinary users: UID_MIN to UID_MAX of /etc/login.defs (login.defs(5)).

use std::ops::RangeInclusive;

/// shadow-utils' own defaults, used if the file or a line is absent.
const DEFAULT: (u32, u32) = (1000, 60000);

/// Returns the uids of ordinary users.
pub(crate) fn ordinary_uids() -> RangeInclusive<u32> {
    parse(&std::fs::read("/etc/login.defs").unwrap_or_default())
}

/// Reads lines of a key and a value. Numbers are decimal, octal (`0…`) or hexadecimal (`0x…`); the
/// last line of a key counts. An invalid number is ignored.
fn parse(text: &[u8]) -> RangeInclusive<u32> {
    let (mut min, mut max) = DEFAULT;
    for line in String::from_utf8_lossy(text).lines() {
        let mut words = line.split_ascii_whitespace();
        let (key, value) = (words.next(), words.next().and_then(number));
        match (key, value) {
            (Some("UID_MIN"), Some(value)) => min = value,
            (Some("UID_MAX"), Some(value)) => max = value,
            _ => {}
        }
    }
    min..=max
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_defaults() {
        for (text, want) in [
            ("", 1000..=60000),
            ("#UID_MIN 5\nUID_MIN\t\t 500\nSYS_UID_MIN 101\n", 500..=60000),
            ("UID_MAX 0x10000\nUID_MIN 01750", 1000..=65536),
            ("UID_MIN five\nUID_MAX", 1000..=60000),
            ("UID_MIN 1\nUID_MIN 2", 2..=60000),
        ] {
            assert_eq!(parse(text.as_bytes()), want, "{text:?}");
        }
    }
}
