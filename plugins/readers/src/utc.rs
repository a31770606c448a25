//! Times as ISO 8601 text.

use agent_zone::civil;

/// The last second of the year 9999: ISO 8601 writes four digits.
const LAST: i64 = 253_402_300_799;
/// The first second of the year 0.
const FIRST: i64 = -62_167_219_200;
const DAY: i64 = 86_400;

/// Returns seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`; `None` after the year 9999.
#[must_use]
pub fn iso_utc(epoch: u64) -> Option<String> {
    Some(date_time(i64::try_from(epoch).ok()?)? + "Z")
}

/// Returns seconds since 1970 as `YYYY-MM-DDThh:mm:ss`, without a zone; `None` outside the years 0
/// to 9999.
#[must_use]
pub fn date_time(epoch: i64) -> Option<String> {
    let days =
        i32::try_from(epoch.div_euclid(DAY)).ok().filter(|_| (FIRST..=LAST).contains(&epoch))?;
    let (year, month, day) = civil::date(days);
    let second = epoch.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

/// Returns the seconds from 1970 to the beginning of a day; `None` if there is no such day, or its
/// year is not one of 0 to 9999.
#[must_use]
pub fn midnight(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = i32::try_from(year).ok().filter(|year| (0..=9999).contains(year))?;
    let month = u8::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
    let length = civil::month_length(year, month);
    let day = u8::try_from(day).ok().filter(|day| (1..=length).contains(day))?;
    Some((i64::from(civil::first_of_month(year, month)) + i64::from(day) - 1) * DAY)
}

/// Returns whether a text begins with a date of the calendar, `YYYY-MM-DD`.
#[must_use]
pub fn begins_with_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |at: std::ops::Range<usize>| -> Option<i32> {
        let digits = bytes.get(at)?;
        digits.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(digits).ok()?.parse().ok())?
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    let Ok(month) = u8::try_from(month) else { return false };
    (bytes[4], bytes[7]) == (b'-', b'-')
        && (1..=12).contains(&month)
        && (1..=i32::from(civil::month_length(year, month))).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_become_utc_times() {
        for (epoch, want) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (951_782_399, Some("2000-02-28T23:59:59Z")),
            (951_782_400, Some("2000-02-29T00:00:00Z")),
            (1_709_251_199, Some("2024-02-29T23:59:59Z")),
            (4_107_542_400, Some("2100-03-01T00:00:00Z")),
            (253_402_300_799, Some("9999-12-31T23:59:59Z")),
            (253_402_300_800, None),
            (u64::MAX, None),
        ] {
            assert_eq!(iso_utc(epoch).as_deref(), want, "{epoch}");
        }
    }

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        for (text, want) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("2030-02-31T10:00", false),
            ("2099-13-45", false),
            ("2099-00-01", false),
            ("2099-12-00", false),
            ("2099-12-31", true),
            ("2099-12-3", false),
            ("+099-12-31", false),
            ("2099/12/31", false),
            ("é99-12-31", false),
            ("", false),
        ] {
            assert_eq!(begins_with_date(text), want, "{text}");
        }
    }

    #[test]
    fn times_before_1970_are_written_too() {
        for (epoch, want) in [
            (-1, Some("1969-12-31T23:59:59")),
            (FIRST, Some("0000-01-01T00:00:00")),
            (FIRST - 1, None),
            (i64::MIN, None),
            (LAST, Some("9999-12-31T23:59:59")),
            (LAST + 1, None),
            (i64::MAX, None),
        ] {
            assert_eq!(date_time(epoch).as_deref(), want, "{epoch}");
        }
    }
}
