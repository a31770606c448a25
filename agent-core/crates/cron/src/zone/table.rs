//! One zone's table of offsets.

use crate::error::Error;
use agent_zone::{Rule, ZoneFile};
use std::iter;
use std::sync::Arc;

/// The year after the last runs, so that an offset after the end of 2100 is known too.
const LAST_YEAR: i32 = 2101;

/// A time zone: its name and each of its offsets up to the end of 2100. Cheap to clone; about 6 kB,
/// shared. Equal zones have the same name and the same offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(Arc<Table>);

#[derive(Debug, PartialEq, Eq)]
struct Table {
    name: Box<str>,
    /// The first begins at [`i64::MIN`].
    spans: Box<[Span]>,
}

/// A stretch of time with one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first instant, in Unix seconds.
    pub(crate) start: i64,
    /// Seconds east of UTC.
    offset: i32,
    /// The wall time, as an offset at the start, before which clocks have shown or skipped all
    /// times.
    past: i32,
}

impl Span {
    /// Seconds east of UTC.
    pub(crate) fn offset(&self) -> i64 {
        self.offset.into()
    }

    /// Returns the first wall time of this span: the first that it shows, or the first that no
    /// clock has shown or skipped before. The latter is earlier by the gap where clocks go forward,
    /// so that a skipped time belongs to the span, and later by the overlap where they go back.
    pub(crate) fn floor(&self, wild: bool) -> i64 {
        self.start.saturating_add(if wild { self.offset } else { self.past }.into())
    }
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self::utc_named("UTC")
    }

    /// Reads a zone's file (RFC 9636, versions 1 to 4), including its rule for later years.
    ///
    /// # Errors
    /// [`Error::Zone`] if the bytes are not a zone file, or the file counts leap seconds.
    pub fn from_tzif(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let file = ZoneFile::parse(bytes).map_err(|error| Error::zone(name, error.to_string()))?;
        if file.has_leap_seconds() {
            return Err(Error::zone(
                name,
                "its file counts leap seconds, which Unix time does not",
            ));
        }
        Ok(Self::of_offsets(name, &file.offsets(LAST_YEAR)))
    }

    /// Reads a rule as POSIX has it in the variable `TZ`, such as `UTC0`; `None` if the text is not
    /// one. Without dates, summer time is that of the United States, as in the GNU C library.
    pub fn from_rule(text: &str) -> Option<Self> {
        let rule = Rule::parse(text).or_else(|| Rule::parse(&format!("{text},M3.2.0,M11.1.0")))?;
        Some(Self::of_offsets(text, &rule.offsets(LAST_YEAR)))
    }

    /// Returns the name under which the zone was loaded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the seconds east of UTC at an instant; after 2100 the offset at its end.
    pub fn offset_at(&self, unix: i64) -> i32 {
        self.0.spans[self.span_at(unix)].offset
    }

    pub(super) fn utc_named(name: &str) -> Self {
        Self::of_offsets(name, &[(i64::MIN, 0)])
    }

    /// Builds the spans: each offset with the instant from which it holds, sorted; the first begins
    /// at the least instant.
    fn of_offsets(name: &str, offsets: &[(i64, i32)]) -> Self {
        let mut spans: Vec<Span> = Vec::with_capacity(offsets.len());
        // The wall time before which all times are past.
        let mut past = i64::MIN;
        for &(start, offset) in offsets {
            if let Some(last) = spans.last() {
                if last.offset == offset {
                    continue;
                }
                past = past.max(start.saturating_add(last.offset()));
            }
            // They differ by more than a day or two only in damaged files.
            let past = i32::try_from(past.saturating_sub(start)).unwrap_or(offset);
            spans.push(Span { start, offset, past });
        }
        Self(Arc::new(Table { name: name.into(), spans: spans.into() }))
    }

    fn span_at(&self, unix: i64) -> usize {
        self.0.spans.partition_point(|span| span.start <= unix) - 1
    }

    /// Returns the span of an instant and the later ones, each with its end (exclusive).
    pub(crate) fn spans_from(&self, unix: i64) -> impl Iterator<Item = (&Span, i64)> {
        let spans = &self.0.spans[self.span_at(unix)..];
        let ends = spans[1..].iter().map(|span| span.start);
        spans.iter().zip(ends.chain(iter::once(i64::MAX)))
    }

    /// Returns the span of an instant and the earlier ones, the latest first.
    pub(crate) fn spans_back_from(&self, unix: i64) -> impl Iterator<Item = (&Span, i64)> {
        let at = self.span_at(unix);
        let end = self.0.spans.get(at + 1).map_or(i64::MAX, |span| span.start);
        let spans = self.0.spans[..=at].iter().rev();
        let ends = iter::once(end).chain(spans.clone().map(|span| span.start));
        spans.zip(ends)
    }
}
