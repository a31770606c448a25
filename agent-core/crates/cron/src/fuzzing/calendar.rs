//! Calendars: a calendar that parses excludes each day that a line names.

use crate::{Calendar, Date};

/// Checks the text of a calendar.
pub fn calendar(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let calendar = match Calendar::parse(text) {
        Ok(calendar) => calendar,
        Err(error) => return super::fits_a_log_line(&error.to_string()),
    };
    let days = || {
        (1999..=2001).flat_map(|year| {
            (1..=12).flat_map(move |month| (1..=31).map(move |day| (year, month, day)))
        })
    };
    let days = || days().filter_map(|(year, month, day)| Date::new(year, month, day));
    let excluded: Vec<Date> = days().filter(|&day| calendar.excludes(day)).collect();
    // The same days one by one are the same calendar, within these years.
    let listed = Calendar::of_dates(excluded.iter().rev().copied());
    for day in days() {
        assert_eq!(listed.excludes(day), calendar.excludes(day), "{text:?}: {day:?}");
    }
    for line in text.lines() {
        let rule = line.split('#').next().unwrap_or_default().trim_matches([' ', '\t']);
        let parts: Vec<i32> = rule.split('-').filter_map(|part| part.parse().ok()).collect();
        if let ([year, month, day], 10) = (&parts[..], rule.len()) {
            let small = |number: &i32| u8::try_from(*number).expect("parsed as part of a date");
            let date = Date::new(*year, small(month), small(day)).expect("parsed as a date");
            assert!(calendar.excludes(date), "{text:?}: {rule}");
        }
    }
}
