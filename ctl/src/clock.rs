//! Times in tables: one format everywhere, `Mon 2026-01-05 01:00:00 +01:00`.

use crate::cron::{Given, local};
use agent_cron::{Zone, Zones};
use agent_wire::json::one_line;

/// Returns this machine's zone, or UTC if it has none that can be read.
pub(crate) fn here() -> Zone {
    Zones::system_or_bundled().local().unwrap_or_else(|_| Zone::utc())
}

/// Formats a time of the wire as the zone's clocks show it; leaves a text that is not a time
/// unchanged.
pub(crate) fn shown(text: &str, zone: &Zone) -> String {
    match Given::parse(text) {
        Ok(time) => local(time.unix(&Zone::utc()), zone),
        Err(_) => one_line(text),
    }
}

/// Formats a time that may be missing.
pub(crate) fn cell(text: Option<&String>, zone: &Zone) -> String {
    text.map_or_else(|| "-".to_owned(), |text| shown(text, zone))
}
