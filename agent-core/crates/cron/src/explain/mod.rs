//! An expression in words that a person would write: "at 09:00, Monday to Friday".
//!
//! Who calls it: `cron explain`, `cron list`. A sentence that lists times lists all of them and no other; where
//! the times have no short form it tells the fields. It speaks of the time of day as clocks show it: what
//! happens to a time that a clock skips or repeats is rule 24 and 25 of the language.

mod day;
mod time;
mod words;

use crate::Expression;
use day::{Days, MonthDay, WeekDay};
use time::Time;

impl Expression {
    /// What the schedule means, without a full stop.
    pub fn explain(&self) -> String {
        let said = self.time().say();
        let days = self.days().say();
        let mut text = said.text;
        match days.as_deref() {
            None if said.needs_days => text.push_str(" every day"),
            None => {}
            Some(days) => {
                // "every ten seconds every day in June" says "every" once too often.
                let days =
                    if said.needs_days { days } else { days.strip_prefix("every day ").unwrap_or(days) };
                text.push_str(if days.starts_with(char::is_uppercase) { ", " } else { " " });
                text.push_str(days);
            }
        }
        if let Some(zone) = self.zone_name() {
            text = format!("{text} ({zone} time)");
        }
        text
    }

    fn time(&self) -> Time {
        Time { seconds: self.o.seconds, minutes: self.o.minutes, hours: self.o.hours }
    }
    fn days(&self) -> Days {
        use crate::ex;
        let (mut a, mut b) = (0, 0);
        let sm = self
            .o
            .month_days
            .iter()
            .filter_map(|i| match *i {
                ex::MonthDay::Numbers(n) => {
                    a |= n;
                    None
                }
                ex::MonthDay::Last { before, working } => {
                    Some(MonthDay::Last { before: before as u32, weekday: working })
                }
                ex::MonthDay::Working(n) => Some(MonthDay::Nearest(n as u32)),
                ex::MonthDay::Open(n) => Some(MonthDay::Open(n as u32)),
            })
            .collect();
        let sw = self
            .o
            .week_days
            .iter()
            .filter_map(|i| match *i {
                ex::WeekDay::Numbers(n) => {
                    b |= n;
                    None
                }
                ex::WeekDay::Last(n) => Some(WeekDay::Last(n as usize)),
                ex::WeekDay::Nth(n, k) => Some(WeekDay::Nth(n as usize, k as usize)),
                ex::WeekDay::Open(n) => Some(WeekDay::Open(n as usize)),
            })
            .collect();
        Days {
            month_days: a & ((1 << 32) - 2),
            special_month_days: sm,
            months: self.o.months,
            week_days: b & 127,
            special_week_days: sw,
            either: self.o.either,
        }
    }
}
