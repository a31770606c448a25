//! Which uids belong to people: UID_MIN and UID_MAX of /etc/login.defs (login.defs(5)).

use std::ops::RangeInclusive;

/// shadow-utils' own defaults, for where the file or a line is absent.
const DEFAULT: (u32, u32) = (1000, 60000);

/// The uids of ordinary users.
pub(crate) fn ordinary_uids() -> RangeInclusive<u32> {
    parse(&std::fs::read("/etc/login.defs").unwrap_or_default())
}

/// A key and its value a line; numbers are decimal, octal (`0…`) or hexadecimal (`0x…`), and the
/// last line counts. An unreadable number is as absent.
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
