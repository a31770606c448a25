//! Times as the API shows them: RFC 3339, UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the text of a time in milliseconds since 1970.
pub(super) fn text(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    of(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
}

/// Returns the text of a time.
pub(super) fn of(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
