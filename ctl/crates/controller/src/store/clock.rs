//! The clock by which results become too old: one that jumps is not believed at once.
//!
//! A host that boots with a wrong clock (a dead RTC, a restored snapshot) would delete everything
//! in its first sweep. So a clock that is far from the last one that was believed, or far beyond
//! the newest result, has to stay consistent for a day before results are deleted by it. Pure: the
//! time comes in.

use std::time::{SystemTime, UNIX_EPOCH};

const HOUR: i64 = 3600 * 1000;

/// A clock that moved further than this since the last sweep is doubted.
const FAR: i64 = 7 * 24 * HOUR;

/// A doubted clock is believed after this time: a day, less the drift of a day.
const DOUBTED_FOR: i64 = 23 * HOUR;

/// Returns the time since 1970; a clock before it, or far beyond our time, counts as its bound.
pub(crate) fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What is known of the clock. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Clock {
    /// The clock when it was last believed.
    pub(in crate::store) trusted: i64,
    /// Since when it has been doubted, by itself.
    pub(in crate::store) doubted_since: Option<i64>,
}

/// Whether results may be deleted by their age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Verdict {
    /// The clock is believed.
    Sweep,
    /// The clock is doubted for the first time.
    Doubt,
    /// The clock is still doubted.
    Wait,
}

impl Clock {
    /// Makes the clock of what a database remembers. A newest result that is older stands for it;
    /// an empty database without a clock believes `now`.
    pub(in crate::store) fn of(stored: Option<Self>, newest: Option<i64>, now: i64) -> Self {
        let Self { trusted, doubted_since } =
            stored.unwrap_or(Self { trusted: newest.unwrap_or(now), doubted_since: None });
        Self { trusted: newest.map_or(trusted, |newest| newest.min(trusted)), doubted_since }
    }

    /// Looks at the clock before a sweep.
    pub(in crate::store) fn judge(&mut self, now: i64) -> Verdict {
        let agrees = now.abs_diff(self.trusted) <= FAR.unsigned_abs();
        match self.doubted_since.map(|since| now.saturating_sub(since)) {
            _ if agrees => {}
            Some(DOUBTED_FOR..=FAR) => {}
            Some(0..DOUBTED_FOR) => return Verdict::Wait,
            _ => {
                self.doubted_since = Some(now);
                return Verdict::Doubt;
            }
        }
        *self = Self { trusted: now, doubted_since: None };
        Verdict::Sweep
    }

    /// Returns the time to note for a result that arrives now: never long before the last one that
    /// was believed, or the result would be deleted as soon as a clock that starts in 1970 is set.
    pub(in crate::store) fn date(&self, now: i64) -> i64 {
        now.max(self.trusted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;
    const DAY: i64 = 24 * HOUR;

    fn trusted(trusted: i64) -> Clock {
        Clock { trusted, doubted_since: None }
    }

    #[test]
    fn a_clock_that_moves_little_is_believed_at_once() {
        for moved in [0, DAY, -DAY, 7 * DAY] {
            let mut clock = trusted(NOW);
            assert_eq!(clock.judge(NOW + moved), Verdict::Sweep, "{moved}");
            assert_eq!(clock, trusted(NOW + moved));
        }
    }

    #[test]
    fn a_clock_that_jumps_is_believed_after_a_day() {
        for jump in [40 * DAY, 8 * DAY, -40 * DAY, -NOW] {
            let mut clock = trusted(NOW);
            assert_eq!(clock.judge(NOW + jump), Verdict::Doubt);
            assert_eq!(clock.judge(NOW + jump + HOUR), Verdict::Wait);
            // Corrected in time: nothing happened.
            let mut corrected = clock;
            assert_eq!(corrected.judge(NOW + 2 * HOUR), Verdict::Sweep);
            assert_eq!(corrected, trusted(NOW + 2 * HOUR));
            // A second jump starts the wait again.
            let mut again = clock;
            assert_eq!(again.judge(NOW + jump + 400 * DAY), Verdict::Doubt);
            assert_eq!(clock.judge(NOW + jump + DAY), Verdict::Sweep);
            assert_eq!(clock.judge(NOW + jump + DAY), Verdict::Sweep);
        }
    }

    #[test]
    fn a_database_believes_no_clock_beyond_its_newest_result() {
        assert_eq!(Clock::of(None, None, NOW), trusted(NOW));
        assert_eq!(Clock::of(None, Some(NOW - 40 * DAY), NOW), trusted(NOW - 40 * DAY));
        let stored = Some(Clock { trusted: NOW, doubted_since: Some(NOW) });
        let wanted = Clock { trusted: NOW - 40 * DAY, doubted_since: Some(NOW) };
        assert_eq!(Clock::of(stored, Some(NOW - 40 * DAY), NOW), wanted);
        assert_eq!(Clock::of(stored, Some(NOW + DAY), NOW).trusted, NOW);
    }

    #[test]
    fn a_result_is_never_dated_long_before_the_last_sweep() {
        assert_eq!(trusted(NOW).date(0), NOW);
        assert_eq!(trusted(NOW).date(NOW + DAY), NOW + DAY);
    }
}
