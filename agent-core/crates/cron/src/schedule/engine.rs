//! The crate `cron`, limited to finding times of plain numbers on a clock that never changes.
//!
//! It is exact for those and wrong for us elsewhere, so it never sees a user's text or a zone:
//!
//! - Its day 1 of the week is Sunday: `0 0 0 * * 1` would run on Sundays, not on Mondays. It gets
//!   lists of numbers in its own counting.
//! - It requires both day fields to match: `0 0 0 13 * FRI` would wait for a Friday the 13th
//!   instead of every 13th and every Friday. Masks find such days, and L, W, # and C
//!   ([`crate::days`]); the crate only finds a time on that day.
//! - It ignores blanks and rejects ranges that wrap: `******` would pass, `FRI-MON` would not. Our
//!   own parser reads all text.
//! - Where clocks go back, its times in a zone go back too: at 01:10 of the second pass in New York
//!   its next `0 */30 * * * *` is 01:30 of the first pass, 40 minutes ago, and a loop that waits
//!   for it never sleeps again in that hour. It gets wall times as if they were UTC;
//!   [`super::Schedule`] handles gaps and overlaps.
//! - It panics at the end of chrono's range, and ends in 2100: it gets instants of 1970 to 2100
//!   only.

use crate::expression::Expression;
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::str::FromStr as _;

/// The plain numbers of one expression.
#[derive(Clone, Debug)]
pub(super) struct Engine(cron::Schedule);

impl Engine {
    /// Returns the engine for its times of day, on its days or on any day.
    pub(super) fn new(expression: &Expression, with_days: bool) -> Self {
        let mut text = String::with_capacity(64);
        write_numbers(&mut text, expression.seconds, 0, 59);
        write_numbers(&mut text, expression.minutes, 0, 59);
        write_numbers(&mut text, expression.hours.into(), 0, 23);
        if with_days {
            write_numbers(&mut text, expression.month_days.numbers.into(), 1, 31);
            write_numbers(&mut text, expression.months.into(), 1, 12);
            write_numbers(&mut text, u64::from(expression.week_days.numbers) << 1, 1, 7);
        } else {
            text.push_str("* * *");
        }
        Self(cron::Schedule::from_str(&text).expect("lists of numbers within their fields"))
    }

    /// Returns the first time not before `low`, a time of 1970 to 2100.
    pub(super) fn at_or_after(&self, low: i64) -> Option<i64> {
        Some(self.0.after(&wall(low - 1)?).next()?.timestamp())
    }

    /// Returns the last time before `high`, a time of 1970 to 2100 or the end of that range.
    pub(super) fn before(&self, high: i64) -> Option<i64> {
        Some(self.0.after(&wall(high)?).next_back()?.timestamp())
    }
}

fn wall(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

/// Writes a set of numbers as a field: `*`, or runs and single numbers.
fn write_numbers(text: &mut String, set: u64, first: u32, last: u32) {
    if set.count_ones() == last - first + 1 {
        text.push_str("* ");
        return;
    }
    let mut rest = set;
    while rest != 0 {
        let from = rest.trailing_zeros();
        let to = from + (rest >> from).trailing_ones() - 1;
        rest &= u64::MAX.checked_shl(to + 1).unwrap_or(0);
        let written = if from == to { write!(text, "{from}") } else { write!(text, "{from}-{to}") };
        written.expect("writing to a string cannot fail");
        text.push(if rest == 0 { ' ' } else { ',' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{FixedOffset, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
    use proptest::prelude::*;

    /// Clocks that show 01:00 to 02:00 of 2026-11-01 twice, as New York's.
    #[derive(Clone, Copy, Debug)]
    struct NewYork;

    const SUMMER: i32 = -4 * 3600;
    const WINTER: i32 = -5 * 3600;

    fn east(seconds: i32) -> FixedOffset {
        FixedOffset::east_opt(seconds).unwrap()
    }

    /// Returns the UTC time at which clocks go back.
    fn back() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 11, 1).unwrap().and_hms_opt(6, 0, 0).unwrap()
    }

    impl TimeZone for NewYork {
        type Offset = FixedOffset;
        fn from_offset(_: &FixedOffset) -> Self {
            Self
        }
        fn offset_from_local_date(&self, _: &NaiveDate) -> LocalResult<FixedOffset> {
            LocalResult::None
        }
        fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> LocalResult<FixedOffset> {
            let twice = back() + TimeDelta::seconds(WINTER.into());
            if *local < twice {
                LocalResult::Single(east(SUMMER))
            } else if *local < twice + TimeDelta::hours(1) {
                LocalResult::Ambiguous(east(SUMMER), east(WINTER))
            } else {
                LocalResult::Single(east(WINTER))
            }
        }
        fn offset_from_utc_date(&self, _: &NaiveDate) -> FixedOffset {
            east(SUMMER).fix()
        }
        fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> FixedOffset {
            east(if *utc < back() { SUMMER } else { WINTER })
        }
    }

    #[test]
    fn each_reason_to_limit_the_crate_still_holds() {
        let bare = |text: &str| cron::Schedule::from_str(text).expect("the bare crate accepts it");
        // 2026-01-05 00:00, a Monday.
        let monday = wall(1_767_571_200).unwrap();
        assert!(
            !bare("0 0 0 * * 1").includes(monday),
            "its day 1 is Monday now: the lists can be simpler"
        );
        assert!(
            !bare("0 0 0 13 * FRI").includes(monday + TimeDelta::days(8)),
            "it lets either day match now"
        );
        assert!(cron::Schedule::from_str("******").is_ok(), "it requires blanks now");
        assert!(
            cron::Schedule::from_str("0 0 0 * * FRI-MON").is_err(),
            "it accepts ranges that wrap now"
        );

        let second_pass = (back() + TimeDelta::minutes(10)).and_utc().with_timezone(&NewYork);
        let next = bare("0 */30 * * * *").after(&second_pass).next().unwrap();
        assert_eq!(
            second_pass - next,
            TimeDelta::minutes(40),
            "its times in a zone are in order now"
        );
    }

    proptest! {
        #[test]
        fn written_numbers_read_back_as_the_same_set(set in 0_u64..1 << 60) {
            prop_assume!(set != 0);
            let mut text = String::new();
            write_numbers(&mut text, set, 0, 59);
            let mut read = 0_u64;
            for item in text.trim_end().split(',') {
                let (from, to) = item.split_once('-').unwrap_or((item, item));
                let (from, to) = if item == "*" { (0, 59) } else { (from.parse().unwrap(), to.parse().unwrap()) };
                (from..=to).for_each(|number: u32| read |= 1 << number);
            }
            prop_assert_eq!(read, set);
        }
    }
}
