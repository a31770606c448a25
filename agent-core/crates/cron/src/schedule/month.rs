//! Finds matching days month by month, where the engine cannot.

use super::range::{FIRST_YEAR, LAST_YEAR};
use crate::calendar::Calendar;
use crate::days::matching;
use crate::expression::{Expression, MonthDays, WeekDays};
use agent_zone::civil::{self, first_of_month, month_length};
use std::sync::Arc;

const ALL_MONTH_DAYS: u32 = u32::MAX << 1;
const ALL_WEEK_DAYS: u8 = 0b111_1111;

/// The matching days of an expression, in days since 1970-01-01.
#[derive(Clone, Debug)]
pub(super) struct Days {
    expression: Expression,
    calendar: Option<Arc<Calendar>>,
}

impl Days {
    /// Returns `None` if the engine finds the days: plain numbers, and one of the two fields
    /// matches all.
    pub(super) fn of(expression: &Expression, calendar: Option<&Arc<Calendar>>) -> Option<Self> {
        let (month, week) = (expression.month_days, expression.week_days);
        let plain = month == MonthDays { numbers: month.numbers, ..MonthDays::default() }
            && week == WeekDays { numbers: week.numbers, ..WeekDays::default() }
            && (month.numbers == ALL_MONTH_DAYS || week.numbers == ALL_WEEK_DAYS)
            && !expression.either();
        (!plain).then(|| Self { expression: expression.clone(), calendar: calendar.cloned() })
    }

    /// Returns the first matching day not before `day`, which is in 1970 or later.
    pub(super) fn at_or_after(&self, day: i32) -> Option<i32> {
        let (mut year, mut month, from) = civil::date(day);
        let mut wanted = u32::MAX << from;
        while year <= LAST_YEAR {
            if let Some((first, days)) = self.month(year, month, wanted) {
                return Some(first + days.trailing_zeros().cast_signed() - 1);
            }
            wanted = u32::MAX;
            (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        }
        None
    }

    /// Returns the last matching day not after `day`, which is in 2100 or earlier.
    pub(super) fn at_or_before(&self, day: i32) -> Option<i32> {
        let (mut year, mut month, to) = civil::date(day);
        let mut wanted = u32::MAX >> (31 - to);
        while year >= FIRST_YEAR {
            if let Some((first, days)) = self.month(year, month, wanted) {
                return Some(first + days.ilog2().cast_signed() - 1);
            }
            wanted = u32::MAX;
            (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
        }
        None
    }

    /// Returns a month's first day and its matching days, if there are any.
    fn month(&self, year: i32, month: u8, wanted: u32) -> Option<(i32, u32)> {
        if (self.expression.months >> month) & 1 == 0 {
            return None;
        }
        let first = first_of_month(year, month);
        let days =
            matching(&self.expression, first, month_length(year, month), self.calendar.as_deref())
                & wanted;
        (days != 0).then_some((first, days))
    }
}
