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
