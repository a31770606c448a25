//! Dates of the Gregorian calendar, counted from 1970-01-01.

/// A day's seconds.
pub(crate) const DAY: i64 = 86_400;
/// Of year 9999's end: ISO 8601 writes four digits.
const LAST: i64 = 253_402_300_799;

/// The day's number of a date.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day ends one.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day's number.
pub(crate) fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// `YYYY-MM-DDThh:mm:ss`; none outside of the years 0 to 9999.
pub(crate) fn iso(epoch: i64) -> Option<String> {
    let (year, month, day) = date(epoch.div_euclid(DAY));
    let second = epoch.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (year >= 0 && epoch <= LAST)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others() {
        for (number, date_of) in
            [(0, (1970, 1, 1)), (-1, (1969, 12, 31)), (11_016, (2000, 2, 29)), (47_482, (2100, 1, 1))]
        {
            assert_eq!((date(number), days(date_of.0, date_of.1, date_of.2)), (date_of, number));
        }
        for number in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = date(number);
            assert_eq!(days(year, month, day), number);
        }
        assert!(is_leap(2000) && is_leap(2024) && !is_leap(2100) && !is_leap(2023));
    }

    #[test]
    fn times_are_written_as_iso_8601() {
        assert_eq!(iso(951_782_399).as_deref(), Some("2000-02-28T23:59:59"));
        assert_eq!(iso(-1).as_deref(), Some("1969-12-31T23:59:59"));
        assert_eq!(iso(LAST).as_deref(), Some("9999-12-31T23:59:59"));
        assert_eq!((iso(LAST + 1), iso(i64::MAX), iso(-99_999_999_999_999)), (None, None, None));
    }
}
