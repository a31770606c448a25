//! The crate `cron`, fenced in: it finds times of plain numbers on a clock that is never changed.
//!
//! It is exact there, and wrong for us outside, so it never sees what a user wrote, nor a zone:
//!
//! - Its day 1 of the week is Sunday: `0 0 0 * * 1` would run on Sundays, not on Mondays. It is given lists of
//!   numbers, its own.
//! - It takes both day fields together: `0 0 0 13 * FRI` would wait for a Friday the 13th, where every 13th and
//!   every Friday is meant. Such days, and L, W, # and C, are found by masks ([`crate::days`]), and it is asked
//!   for a time on that day only.
//! - It ignores blanks and refuses ranges that wrap: `******` would pass, `FRI-MON` would not. Our own parser
//!   reads all text.
//! - Where clocks go back, its times in a zone go back too: at 01:10 of the second pass in New York its next
//!   `0 */30 * * * *` is 01:30 of the first pass, 40 minutes ago, and a loop that waits for it never sleeps
//!   again in that hour. It gets wall times under the name of UTC; gaps and overlaps are [`super::Schedule`]'s.
//! - It panics at the end of what chrono can tell, and ends in 2100: it is asked for 1970 to 2100 only.

use crate::expression::Expression;
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::str::FromStr as _;

/// One expression's plain numbers.
#[derive(Clone, Debug)]
pub(super) struct Engine(cron::Schedule);

impl Engine {
    /// Its times of day, on its days or on any day.
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

    /// The first time not before `low`, a time of 1970 to 2100.
    pub(super) fn at_or_after(&self, low: i64) -> Option<i64> {
        Some(self.0.after(&wall(low - 1)?).next()?.timestamp())
    }

    /// The last time before `high`, a time of 1970 to 2100 or the end of that.
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
        written.expect("a string takes all");
        text.push(if rest == 0 { ' ' } else { ',' });
    }
}
