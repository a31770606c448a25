//! Zone files: any bytes are a zone or an error, and a zone's times go forward.

use crate::{Expression, Schedule, Zone};

/// Checks the bytes of a TZif file.
pub fn zone(bytes: &[u8]) {
    let zone = match Zone::from_tzif("Fuzzed/Zone", bytes) {
        Ok(zone) => zone,
        Err(error) => return super::fits_a_log_line(&error.to_string()),
    };
    assert_eq!(zone.name(), "Fuzzed/Zone");
    for instant in [i64::MIN, -4_000_000_000, -1, 0, 1_800_000_000, 4_133_980_799, i64::MAX] {
        // RFC 9636: an offset lies between -25 and 26 hours.
        let offset = zone.offset_at(instant);
        assert!(offset.unsigned_abs() <= 26 * 3600, "{offset} at {instant}");
    }
    for text in ["0 30 2 * * *", "*/30 * * * * *", "0 0 0 29 2 ?"] {
        let expression = Expression::parse(text).expect("an expression");
        let schedule = Schedule::new(&expression, &zone, None);
        for instant in [i64::MIN, 0, 1_000_000_000, 1_800_000_000, 4_133_980_799, i64::MAX] {
            if let Some(next) = schedule.next(instant) {
                assert!(next > instant, "{text} from {instant}");
                assert!(
                    schedule.prev(next).is_none_or(|before| before <= instant),
                    "{text} from {instant}"
                );
            }
            assert!(
                schedule.prev(instant).is_none_or(|before| before < instant),
                "{text} from {instant}"
            );
        }
        assert!(schedule.after(1_700_000_000).take(50).is_sorted_by(|a, b| a < b), "{text}");
    }
}
