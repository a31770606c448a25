//! Dates of the Gregorian calendar, with no time and no zone.

/// The length of the Gregorian calendar's cycle.
const DAYS_OF_400_YEARS: i64 = 146_097;

/// A day that exists, of the years -9999 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: i16,
    month: u8,
    day: u8,
}

impl Date {
    /// `None` if there is no such day, or not in the years -9999 to 9999.
    pub const fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let exists = year.unsigned_abs() <= 9999
            && 1 <= month
            && month <= 12
            && 1 <= day
            && day <= month_length(year, month);
        #[expect(clippy::cast_possible_truncation, reason = "its bounds are checked above")]
        if exists { Some(Self { year: year as i16, month, day }) } else { None }
    }

    /// The day that is so many days after 1970-01-01; `None` outside of those years.
    pub const fn of_days(days: i32) -> Option<Self> {
        let (year, month, day) = civil(days);
        Self::new(year, month, day)
    }

    /// The year, with a year 0 before year 1.
    pub const fn year(self) -> i32 {
        self.year as i32
    }

    /// 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// 1 to 31.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        first_of_month(self.year as i32, self.month) + self.day as i32 - 1
    }

    /// Sunday is 0.
    pub const fn weekday(self) -> u8 {
        weekday(self.days())
    }
}

/// The weekday of a day given as days since 1970-01-01, a Thursday; Sunday is 0.
#[expect(clippy::cast_possible_truncation, reason = "0 to 6")]
pub(crate) const fn weekday(days: i32) -> u8 {
    (days + 4).rem_euclid(7) as u8
}

/// How many days a month (1 to 12) has.
pub(crate) const fn month_length(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The first day of a month, in days since 1970-01-01. Years are those of [`Date`] and a few beyond.
pub(crate) const fn first_of_month(year: i32, month: u8) -> i32 {
    // Counted from March, the leap day is the last of its year and no month after it moves.
    let (year, month) = if month < 3 { (year - 1, month as i32 + 9) } else { (year, month as i32 - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 - 719_468
}

/// Days since 1970-01-01 as year, month, day.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "1 to 12 and 1 to 31; days of an i32"
)]
pub(crate) const fn civil(days: i32) -> (i32, u8, u8) {
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
    fn each_day_of_the_cycle_follows_the_one_before_it() {
        let (mut date, mut day_of_week) = (Date::new(1899, 12, 31).unwrap(), 0);
        for days in date.days()..date.days() + 150_000 {
            assert_eq!((date.days(), date.weekday()), (days, day_of_week));
            assert_eq!(civil(days), (date.year(), date.month(), date.day()));
            let (year, month) = (date.year(), date.month());
            date = Date::new(year, month, date.day() + 1)
                .or_else(|| Date::new(year, month + 1, 1))
                .unwrap_or_else(|| Date::new(year + 1, 1, 1).unwrap());
            day_of_week = (day_of_week + 1) % 7;
        }
        assert_eq!(Date::new(1970, 1, 1).unwrap().days(), 0);
        assert_eq!(civil(Date::new(-9999, 1, 1).unwrap().days()), (-9999, 1, 1));
    }

    #[test]
    fn a_day_that_does_not_exist_is_no_date() {
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
