//! Numbers in flags, with errors that name the unit and the bounds.

/// Parses a whole number of seconds from `LEAST` to `MOST`.
pub(super) fn seconds<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("must be a whole number of seconds, {LEAST} to {MOST}"))
}

/// Parses a whole number from `LEAST` to `MOST`.
pub(super) fn count<const LEAST: u16, const MOST: u16>(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("must be a whole number, {LEAST} to {MOST}"))
}

/// As [`count`], for larger numbers.
pub(super) fn whole<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("must be a whole number, {LEAST} to {MOST}"))
}

/// Parses bytes from `LEAST` to `MOST`, with or without a unit: `512K`, `64M`, `2G`.
pub(super) fn size<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((end, 'k' | 'K')) => (&text[..end], 10),
        Some((end, 'm' | 'M')) => (&text[..end], 20),
        Some((end, 'g' | 'G')) => (&text[..end], 30),
        _ => (text, 0),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| (LEAST..=MOST).contains(bytes))
        .ok_or_else(|| format!("must be {LEAST} to {MOST} bytes, such as 65536, 64K or 1M"))
}

/// Parses a time from `LEAST` to `MOST` seconds: `90s`, `30m`, `24h`, `7d`, `2w`; a number alone is
/// seconds.
pub(crate) fn duration<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 60 * 60),
        Some((end, 'd')) => (&text[..end], 24 * 60 * 60),
        Some((end, 'w')) => (&text[..end], 7 * 24 * 60 * 60),
        _ => (text, 1),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds) if (LEAST..=MOST).contains(&seconds) => Ok(seconds),
        Some(_) => Err(format!("must be {LEAST} to {MOST} seconds, such as 30m, 24h or 7d")),
        None => Err("must be a number and s, m, h, d or w, such as 30m, 24h or 7d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, wanted) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("2m", Some(120)),
            ("1h", Some(3600)),
            ("1d", Some(86_400)),
            ("2w", None),
            ("0s", None),
            ("", None),
            ("h", None),
            ("1.5h", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(duration::<1, 1_000_000>(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, wanted) in [
            ("1", Some(1)),
            ("64K", Some(65536)),
            ("1m", Some(1 << 20)),
            ("2G", None),
            ("0", None),
            ("", None),
            ("K", None),
            ("-1", None),
            ("1.5M", None),
            ("99999999999999999999G", None),
        ] {
            assert_eq!(size::<1, { 1 << 30 }>(text).ok(), wanted, "{text}");
        }
    }
}
