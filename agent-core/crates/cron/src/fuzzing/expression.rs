//! Expressions: parsing ends, a printed expression means the same, and time goes forward.

use crate::{Expression, Schedule, Zone};

/// Checks an expression: the first eight bytes are an instant, the rest is the text.
pub fn expression(bytes: &[u8]) {
    let Some((instant, text)) = bytes.split_first_chunk() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let instant = i64::from_le_bytes(*instant);
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.offset() <= text.len(), "{text:?}: {error}");
            return super::fits_a_log_line(&error.to_string());
        }
    };
    let canonical = expression.to_string();
    let again = Expression::parse(&canonical)
        .unwrap_or_else(|error| panic!("{text:?} {canonical:?}: {error}"));
    assert_eq!(again.to_string(), canonical, "{text:?}");
    assert_eq!(again.zone_name(), expression.zone_name(), "{text:?}");
    assert_eq!(again.explain(), expression.explain(), "{text:?}");
    let explained = expression.explain();
    assert!(!explained.is_empty() && explained.len() < 4000, "{text:?}: {explained}");
    assert!(!explained.chars().any(char::is_control), "{text:?}: {explained}");
    expression.warnings().iter().for_each(|warning| super::fits_a_log_line(&warning.to_string()));
    // Near and far: fuzzers like extremes, real instants are near.
    for instant in [instant, instant.rem_euclid(4_133_980_800)] {
        let schedule = Schedule::new(&expression, &Zone::utc(), None);
        let same = Schedule::new(&again, &Zone::utc(), None);
        let (next, prev) = (schedule.next(instant), schedule.prev(instant));
        assert_eq!((same.next(instant), same.prev(instant)), (next, prev), "{text:?} {instant}");
        if let Some(next) = next {
            assert!(next > instant, "{text:?} {instant}");
            assert_eq!(schedule.next(next - 1), Some(next), "{text:?} {instant}");
            assert!(
                schedule.prev(next).is_none_or(|before| before <= instant),
                "{text:?} {instant}"
            );
        }
        if let Some(prev) = prev {
            assert!(prev < instant, "{text:?} {instant}");
            assert_eq!(schedule.prev(prev + 1), Some(prev), "{text:?} {instant}");
            assert!(schedule.next(prev).is_none_or(|after| after >= instant), "{text:?} {instant}");
        }
    }
}
