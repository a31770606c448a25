//! Finds the next and the previous run by brute force (docs/schedules.md rules 21 to 25).

use super::day::{Days, civil, days_of};
use super::expression::Oracle;
use super::zone::Changes;

/// The first and the last local year that have runs.
pub(crate) const FIRST_YEAR: i64 = 1970;
pub(crate) const LAST_YEAR: i64 = 2100;

const DAY: i64 = 86_400;

/// Returns the first run later than `after`.
pub(crate) fn next(oracle: &Oracle, changes: &Changes, excluded: &Days, after: i64) -> Option<i64> {
    let (first_day, last_day) = bounds();
    if after >= (last_day + 2) * DAY {
        return None;
    }
    let from = after.saturating_add(1).max((first_day - 2) * DAY);
    for index in changes.span(from)..changes.0.len() {
        let (start, offset) = changes.0[index];
        if start >= from && skipped_run(oracle, changes, excluded, index) {
            return Some(start);
        }
        let low = from.max(start) + offset;
        let high = changes.end(index).min((last_day + 3) * DAY) + offset;
        let mut day = low.div_euclid(DAY).max(first_day);
        while day <= last_day && day * DAY < high {
            if !oracle.in_month(day) {
                day = next_month(day);
                continue;
            }
            if oracle.matches(day, excluded) {
                let found = oracle.times(low - day * DAY, high - day * DAY).find(|time| {
                    oracle.wild || is_first_pass(changes, index, day * DAY + time - offset)
                });
                if let Some(time) = found {
                    return Some(day * DAY + time - offset);
                }
            }
            day += 1;
        }
    }
    None
}

/// Returns the last run earlier than `before`.
pub(crate) fn prev(
    oracle: &Oracle,
    changes: &Changes,
    excluded: &Days,
    before: i64,
) -> Option<i64> {
    let (first_day, last_day) = bounds();
    if before <= (first_day - 2) * DAY {
        return None;
    }
    let end = before.min((last_day + 2) * DAY);
    for index in (0..=changes.span(end - 1)).rev() {
        let (start, offset) = changes.0[index];
        let low = start.max((first_day - 3) * DAY) + offset;
        let high = changes.end(index).min(end) + offset;
        let mut day = (high - 1).div_euclid(DAY).min(last_day);
        while day >= first_day && (day + 1) * DAY > low {
            if !oracle.in_month(day) {
                let (year, month, _) = civil(day);
                day = days_of(year, month, 1) - 1;
                continue;
            }
            if oracle.matches(day, excluded) {
                let found = oracle.times_back(low - day * DAY, high - day * DAY).find(|time| {
                    oracle.wild || is_first_pass(changes, index, day * DAY + time - offset)
                });
                if let Some(time) = found {
                    return Some(day * DAY + time - offset);
                }
            }
            day -= 1;
        }
        if start < end && skipped_run(oracle, changes, excluded, index) {
            return Some(start);
        }
    }
    None
}

/// Returns the first and the last local day that have runs.
fn bounds() -> (i64, i64) {
    (days_of(FIRST_YEAR, 1, 1), days_of(LAST_YEAR, 12, 31))
}

fn next_month(day: i64) -> i64 {
    let (year, month, _) = civil(day);
    if month == 12 { days_of(year + 1, 1, 1) } else { days_of(year, month + 1, 1) }
}

/// Returns whether the clocks skip a time of a fixed schedule where the span begins, so that it
/// runs at that instant.
fn skipped_run(oracle: &Oracle, changes: &Changes, excluded: &Days, index: usize) -> bool {
    if index == 0 || oracle.wild {
        return false;
    }
    let (start, offset) = changes.0[index];
    let (low, high) = (start + changes.0[index - 1].1, start + offset);
    let (first_day, last_day) = bounds();
    (low.div_euclid(DAY)..=high.div_euclid(DAY)).any(|day| {
        (first_day..=last_day).contains(&day)
            && oracle.matches(day, excluded)
            && oracle.times(low - day * DAY, high - day * DAY).next().is_some()
    })
}

/// Returns whether clocks show this time for the first time at this instant of the span.
fn is_first_pass(changes: &Changes, index: usize, instant: i64) -> bool {
    let wall = instant + changes.0[index].1;
    // No two offsets differ by more than a day and some hours.
    let near = (0..index).rev().take_while(|&earlier| changes.end(earlier) > instant - 3 * DAY);
    !near.into_iter().any(|earlier| changes.span(wall - changes.0[earlier].1) == earlier)
}

impl Oracle {
    fn in_month(&self, day: i64) -> bool {
        self.months & (1 << civil(day).1) != 0
    }

    /// Returns the matching seconds of a day, from `low` on and before `high`.
    pub(crate) fn times(&self, low: i64, high: i64) -> impl Iterator<Item = i64> {
        let hours = (0..24).filter(|hour| self.hours & (1 << hour) != 0);
        hours
            .skip_while(move |hour| hour * 3600 + 3599 < low)
            .flat_map(|hour| minutes(self.minutes, hour * 3600))
            .skip_while(move |minute| minute + 59 < low)
            .flat_map(|minute| seconds(self.seconds, minute))
            .skip_while(move |&second| second < low)
            .take_while(move |&second| second < high)
    }

    /// Returns the same seconds, the latest first.
    fn times_back(&self, low: i64, high: i64) -> impl Iterator<Item = i64> {
        let hours = (0..24).rev().filter(|hour| self.hours & (1 << hour) != 0);
        hours
            .skip_while(move |hour| hour * 3600 >= high)
            .flat_map(|hour| minutes(self.minutes, hour * 3600).rev())
            .skip_while(move |&minute| minute >= high)
            .flat_map(|minute| seconds(self.seconds, minute).rev())
            .skip_while(move |&second| second >= high)
            .take_while(move |&second| second >= low)
    }
}

fn minutes(set: u64, hour: i64) -> impl DoubleEndedIterator<Item = i64> {
    (0..60).filter(move |minute| set & (1 << minute) != 0).map(move |minute| hour + minute * 60)
}

fn seconds(set: u64, minute: i64) -> impl DoubleEndedIterator<Item = i64> {
    (0..60).filter(move |second| set & (1 << second) != 0).map(move |second| minute + second)
}
