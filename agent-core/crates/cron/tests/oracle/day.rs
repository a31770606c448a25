//! Dates, and which of them an expression matches (docs/schedules.md rules 12 to 20).

use super::expression::{MonthDay, Oracle, WeekDay};

/// Converts days since 1970-01-01 to year, month and day.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    // The Gregorian calendar repeats after 146,097 days; years counted from March put February's
    // end last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Converts year, month and day to days since 1970-01-01.
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let mut days = 0;
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    // A cycle of 400 years at a time, then years, then months.
    let cycles = (year - 1970).div_euclid(400);
    days += cycles * 146_097;
    for passed in 1970 + cycles * 400..year {
        days += if leap(passed) { 366 } else { 365 };
    }
    for passed in 1..month {
        days += length(year, passed);
    }
    days + day - 1
}

/// Returns the number of days in a month.
pub(super) fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the weekday; Sunday is 0, and 1970-01-01 was a Thursday.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The excluded days, sorted, as days since 1970-01-01.
pub(crate) type Days = [i64];

impl Oracle {
    /// Returns whether the date matches the expression.
    pub(super) fn matches(&self, days: i64, excluded: &Days) -> bool {
        let (year, month, day) = civil(days);
        if self.months & (1 << month) == 0 {
            return false;
        }
        let by_month =
            || self.month_days.iter().any(|item| item.matches(days, year, month, day, excluded));
        let by_week =
            || self.week_days.iter().any(|item| item.matches(days, year, month, day, excluded));
        if self.either { by_month() || by_week() } else { by_month() && by_week() }
    }

    /// Returns whether any date of the Gregorian cycle matches, with no day excluded (rule 20).
    pub(super) fn fires(&self) -> bool {
        let first = days_of(2000, 1, 1);
        (first..first + 146_097).any(|days| self.matches(days, &[]))
    }
}

fn open(days: i64, excluded: &Days) -> bool {
    excluded.binary_search(&days).is_err()
}

/// Returns whether `day` is the weekday (Monday to Friday) nearest to day `wanted` of its month;
/// `days` is the same day since 1970-01-01.
fn working(days: i64, day: i64, wanted: i64, length: i64) -> bool {
    let target = days - day + wanted;
    let nearest = match weekday(target) {
        6 if wanted == 1 => wanted + 2,
        6 => wanted - 1,
        0 if wanted == length => wanted - 2,
        0 => wanted + 1,
        _ => wanted,
    };
    day == nearest
}

impl MonthDay {
    fn matches(&self, days: i64, year: i64, month: i64, day: i64, excluded: &Days) -> bool {
        let length = length(year, month);
        match *self {
            Self::Numbers(set) => set & (1 << day) != 0,
            Self::Last { before, .. } if before >= length => false,
            Self::Last { before, working: false } => day == length - before,
            Self::Last { before, working: true } => working(days, day, length - before, length),
            Self::Working(wanted) => wanted <= length && working(days, day, wanted, length),
            Self::Open(wanted) => {
                let before = (wanted..day).map(|other| days - day + other);
                wanted <= day
                    && open(days, excluded)
                    && before.into_iter().all(|other| !open(other, excluded))
            }
        }
    }
}

impl WeekDay {
    fn matches(&self, days: i64, year: i64, month: i64, day: i64, excluded: &Days) -> bool {
        let today = weekday(days);
        match *self {
            Self::Numbers(set) => set & (1 << today) != 0,
            Self::Last(wanted) => today == wanted && day + 7 > length(year, month),
            Self::Nth(wanted, which) => today == wanted && (day - 1) / 7 + 1 == which,
            Self::Open(wanted) => {
                open(days, excluded)
                    && (days - 6..=days).any(|from| {
                        weekday(from) == wanted && (from..days).all(|other| !open(other, excluded))
                    })
            }
        }
    }
}
