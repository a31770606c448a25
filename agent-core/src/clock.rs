//! The wall clock: the present moment, and moments as numbers and as RFC 3339 text.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that RFC 3339 can express: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// A moment in milliseconds since 1970-01-01T00:00:00Z. Displays as RFC 3339 with milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Millis(pub(crate) u64);

/// A moment in seconds since 1970-01-01T00:00:00Z. Displays as RFC 3339 without a fraction.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Seconds(pub(crate) i64);

/// Returns the present moment; a clock that is set before 1970 counts as 1970.
pub(crate) fn now() -> Millis {
    SystemTime::now().into()
}

impl Millis {
    /// Returns the second that this moment lies in.
    pub(crate) fn seconds(self) -> Seconds {
        Seconds(i64::try_from(self.0 / 1000).unwrap_or(i64::MAX))
    }

    /// Returns the time from now until this moment; zero once it has passed.
    pub(crate) fn until(self) -> Duration {
        let moment = UNIX_EPOCH + Duration::from_millis(self.0);
        moment.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

impl From<SystemTime> for Millis {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_millis(self.0.min(LAST_SECOND * 1000 + 999));
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = u64::try_from(self.0).unwrap_or(0).min(LAST_SECOND);
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_display_as_rfc_3339() {
        assert_eq!(Millis(1_790_000_000_123).to_string(), "2026-09-21T14:13:20.123Z");
        assert_eq!(Millis(1_790_000_000_123).seconds().to_string(), "2026-09-21T14:13:20Z");
        assert_eq!(Seconds(-1).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Seconds(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_moment_that_has_passed_is_due_now() {
        assert_eq!(Millis(0).until(), Duration::ZERO);
        assert!(Millis(now().0 + 60_000).until() > Duration::from_secs(30));
    }
}
