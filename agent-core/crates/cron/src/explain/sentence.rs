//! The sentence as a whole: the time of day, then the days, then the zone.

use super::day::{Days, MonthDay, WeekDay};
use super::time::Time;
use super::words::members;
use crate::Expression;

impl Expression {
    /// Explains the schedule in a sentence without a full stop.
    pub fn explain(&self) -> String {
        let time = self.time().say();
        let days = self.days().say();
        let mut text = time.text;
        match days.as_deref() {
            None if time.needs_days => text.push_str(" every day"),
            None => {}
            Some(days) => {
                // "every ten seconds every day in June" says "every" once too often.
                let days = if time.needs_days {
                    days
                } else {
                    days.strip_prefix("every day ").unwrap_or(days)
                };
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
        Time { seconds: self.seconds, minutes: self.minutes, hours: self.hours.into() }
    }

    fn days(&self) -> Days {
        let (month, week) = (&self.month_days, &self.week_days);
        let of = |set: u32| members(set.into()).into_iter();
        let last = |weekday| move |before| MonthDay::Last { before, weekday };
        let week_of = |set: u8| members(set.into()).into_iter().map(|day| day as usize);
        let nth = (1..).zip(week.nth);
        Days {
            month_days: month.numbers.into(),
            special_month_days: of(month.last)
                .map(last(false))
                .chain(of(month.last_working).map(last(true)))
                .chain(of(month.working).map(MonthDay::Nearest))
                .chain(of(month.open).map(MonthDay::Open))
                .collect(),
            months: self.months.into(),
            week_days: week.numbers.into(),
            special_week_days: nth
                .flat_map(|(which, set)| week_of(set).map(move |day| WeekDay::Nth(day, which)))
                .chain(week_of(week.last).map(WeekDay::Last))
                .chain(week_of(week.open).map(WeekDay::Open))
                .collect(),
            either: self.either(),
        }
    }
}
