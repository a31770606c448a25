//! The years in which schedules have runs: 1970 to 2100, those of the engine (docs/schedules.md
//! rule 21).

use agent_zone::civil::{self, first_of_month};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The last day that has runs, 2100-12-31, as days since 1970-01-01.
pub(super) const LAST_DAY: i32 = first_of_month(2101, 1) - 1;

/// The first year that has runs.
pub(super) const FIRST_YEAR: i32 = 1970;

/// The last year that has runs.
pub(super) const LAST_YEAR: i32 = civil::date(LAST_DAY).0;
