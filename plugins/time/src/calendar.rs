//! Instants as ISO 8601 text.

use agent_zone::civil;

const DAY: i64 = 86_400;
/// The last second of year 9999: ISO 8601 writes four digits.
const LAST: i64 = 253_402_300_799;

/// Formats an instant as `YYYY-MM-DDThh:mm:ss`; `None` outside of the years 0 to 9999.
pub(crate) fn iso(epoch: i64) -> Option<String> {
    let days = i32::try_from(epoch.div_euclid(DAY)).ok().filter(|_| epoch <= LAST)?;
    let (year, month, day) = civil::date(days);
    let second = epoch.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (year >= 0).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_formatted_as_iso_8601() {
        assert_eq!(iso(951_782_399).as_deref(), Some("2000-02-28T23:59:59"));
        assert_eq!(iso(-1).as_deref(), Some("1969-12-31T23:59:59"));
        assert_eq!(iso(LAST).as_deref(), Some("9999-12-31T23:59:59"));
        assert_eq!((iso(LAST + 1), iso(i64::MAX), iso(-99_999_999_999_999)), (None, None, None));
    }
}
