//! Wall times: the first match from a time on, and the last before it, on a clock that never
//! changes.
//!
//! The engine alone handles most expressions. For special days (docs/schedules.md rules 12 to 18),
//! a mask finds the day and the engine a time within it, unless the day's first or last time will
//! do.

use super::engine::Engine;
use super::month::Days;
use super::range::{DAY, LAST_DAY};
use crate::calendar::Calendar;
use crate::expression::Expression;
use std::sync::Arc;

/// The end of that day.
const END: i64 = (LAST_DAY as i64 + 1) * DAY;

/// A time later than all others, with room for an offset.
const NEVER: i64 = i64::MAX / 2;

/// The times of an expression, in seconds since 1970-01-01 00:00 on the wall clock.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    engine: Engine,
    /// The days, where the engine cannot find them.
    days: Option<Days>,
    /// The first and the last time of a matching day.
    first: i64,
    last: i64,
}

impl Wall {
    pub(super) fn new(expression: &Expression, calendar: Option<&Arc<Calendar>>) -> Self {
        let days = Days::of(expression, calendar);
        let time = |pick: fn(u64) -> u32| {
            let [hour, minute, second] =
                [expression.hours.into(), expression.minutes, expression.seconds]
                    .map(pick)
                    .map(i64::from);
            hour * 3600 + minute * 60 + second
        };
        Self {
            engine: Engine::new(expression, days.is_none()),
            days,
            first: time(u64::trailing_zeros),
            last: time(u64::ilog2),
        }
    }

    /// Returns the first match not before `low`, or a time centuries later if there is none.
    pub(super) fn at_or_after(&self, low: i64) -> i64 {
        let low = low.max(0);
        if low >= END {
            return NEVER;
        }
        let Some(days) = &self.days else { return self.engine.at_or_after(low).unwrap_or(NEVER) };
        let (today, time) = day_and_time(low);
        match days.at_or_after(if time > self.last { today + 1 } else { today }) {
            Some(day) if day == today && time > self.first => {
                self.engine.at_or_after(low).unwrap_or(NEVER)
            }
            Some(day) => i64::from(day) * DAY + self.first,
            None => NEVER,
        }
    }

    /// Returns the last match before `high`; `None` before the first.
    pub(super) fn before(&self, high: i64) -> Option<i64> {
        let high = high.min(END);
        if high <= 0 {
            return None;
        }
        let Some(days) = &self.days else { return self.engine.before(high) };
        let (today, time) = day_and_time(high - 1);
        let day = days.at_or_before(if time < self.first { today - 1 } else { today })?;
        if day == today && time < self.last {
            return self.engine.before(high);
        }
        Some(i64::from(day) * DAY + self.last)
    }
}

/// Splits a time of 1970 to 2100 into day and second.
fn day_and_time(wall: i64) -> (i32, i64) {
    (i32::try_from(wall / DAY).expect("a day up to 2100"), wall % DAY)
}
