//! Times in tables: one format everywhere, `Mon 2026-01-05 01:00:00 +01:00`.

use crate::cron::{Given, local};
use crate::terminal::safe;
use agent_cron::{Zone, Zones};
use std::time::SystemTime;

/// Returns this machine's zone, or UTC if it has none that can be read.
pub(crate) fn here() -> Zone {
    Zones::system_or_bundled().local().unwrap_or_else(|_| Zone::utc())
}

/// Formats a time of the wire as the zone's clocks show it; leaves a text that is not a time
/// unchanged.
pub(crate) fn shown(text: &str, zone: &Zone) -> String {
    match Given::parse(text) {
        Ok(time) => local(time.unix(&Zone::utc()), zone),
        Err(_) => safe(text),
    }
}

/// Returns the Unix seconds of a time of the wire; `None` for a text that is not a time.
pub(crate) fn unix(text: &str) -> Option<i64> {
    Given::parse(text).ok().map(|time| time.unix(&Zone::utc()))
}

/// Returns this machine's time in Unix seconds.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or(0)
}

/// Formats a time that may be missing.
pub(crate) fn cell(text: Option<&String>, zone: &Zone) -> String {
    text.map_or_else(|| "-".to_owned(), |text| shown(text, zone))
}
