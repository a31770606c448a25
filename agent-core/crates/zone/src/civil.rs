//! The proleptic Gregorian calendar as arithmetic on days since 1970-01-01.

/// Days of the calendar's cycle of 400 years.
const DAYS_OF_400_YEARS: i64 = 146_097;

/// Returns the weekday of a day given as days since 1970-01-01, which was a Thursday; Sunday is 0.
#[expect(clippy::cast_possible_truncation, reason = "0 to 6")]
pub const fn weekday(days: i32) -> u8 {
    (days + 4).rem_euclid(7) as u8
}

/// Returns how many days a month (1 to 12) has.
pub const fn month_length(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the first day of a month (1 to 12) as days since 1970-01-01, for years within
/// -10,000 to 10,000.
pub const fn first_of_month(year: i32, month: u8) -> i32 {
    // Counted from March, the leap day is the last day of its year and moves no month after it.
    let (year, month) =
        if month < 3 { (year - 1, month as i32 + 9) } else { (year, month as i32 - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 - 719_468
}

/// Converts days since 1970-01-01 to year, month and day.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "months are 1 to 12, days 1 to 31, and the days are those of an i32"
)]
pub const fn date(days: i32) -> (i32, u8, u8) {
    let days = days as i64 + 719_468;
    let of_cycle = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_cycle =
        (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / (DAYS_OF_400_YEARS - 1)) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = days.div_euclid(DAYS_OF_400_YEARS) * 400 + year_of_cycle + (month <= 2) as i64;
    (year as i32, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_of_more_than_a_cycle_follows_the_day_before() {
        let (mut year, mut month, mut day, mut day_of_week) = (1899, 12, 31, 0);
        let first = first_of_month(1899, 12) + 30;
        for days in first..first + 150_000 {
            assert_eq!((date(days), weekday(days)), ((year, month, day), day_of_week));
            if day == 1 {
                assert_eq!(first_of_month(year, month), days);
            }
            day_of_week = (day_of_week + 1) % 7;
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (month, day) if day == month_length(year, month) => (year, month + 1, 1),
                (month, day) => (year, month, day + 1),
            };
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(first_of_month(-9999, 1)), (-9999, 1, 1));
        assert_eq!(month_length(2000, 2), 29);
        assert_eq!(month_length(2100, 2), 28);
    }
}
