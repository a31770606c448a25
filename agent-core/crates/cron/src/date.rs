//! Dates of the Gregorian calendar, with no time and no zone.

use agent_zone::civil::{self, first_of_month, month_length};

/// A day that exists, in the years -9999 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: i16,
    month: u8,
    day: u8,
}

impl Date {
    /// Checks a date; `None` if it does not exist or lies outside of the years -9999 to 9999.
    pub const fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let exists = year.unsigned_abs() <= 9999
            && 1 <= month
            && month <= 12
            && 1 <= day
            && day <= month_length(year, month);
        #[expect(clippy::cast_possible_truncation, reason = "its bounds are checked above")]
        if exists { Some(Self { year: year as i16, month, day }) } else { None }
    }

    /// Returns the date that is `days` days after 1970-01-01; `None` outside of those years.
    pub const fn of_days(days: i32) -> Option<Self> {
        let (year, month, day) = civil::date(days);
        Self::new(year, month, day)
    }

    /// Returns the year, with a year 0 before year 1.
    pub const fn year(self) -> i32 {
        self.year as i32
    }

    /// Returns the month, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// Returns the day of the month, 1 to 31.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Returns the days since 1970-01-01.
    pub const fn days(self) -> i32 {
        first_of_month(self.year as i32, self.month) + self.day as i32 - 1
    }

    /// Returns the weekday; Sunday is 0.
    pub const fn weekday(self) -> u8 {
        civil::weekday(self.days())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_convert_both_ways() {
        let (mut date, mut day_of_week) = (Date::new(1899, 12, 31).unwrap(), 0);
        for days in date.days()..date.days() + 150_000 {
            assert_eq!((date.days(), date.weekday()), (days, day_of_week));
            assert_eq!(Date::of_days(days), Some(date));
            let (year, month) = (date.year(), date.month());
            date = Date::new(year, month, date.day() + 1)
                .or_else(|| Date::new(year, month + 1, 1))
                .unwrap_or_else(|| Date::new(year + 1, 1, 1).unwrap());
            day_of_week = (day_of_week + 1) % 7;
        }
        assert_eq!(Date::new(1970, 1, 1).unwrap().days(), 0);
    }

    #[test]
    fn a_day_that_does_not_exist_is_not_a_date() {
        for (year, month, day) in [
            (2026, 2, 29),
            (2100, 2, 29),
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2026, 4, 31),
            (10_000, 1, 1),
        ] {
            assert_eq!(Date::new(year, month, day), None);
        }
        assert!(Date::new(2000, 2, 29).is_some() && Date::new(9999, 12, 31).is_some());
    }
}
