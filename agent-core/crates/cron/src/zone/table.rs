//! One zone's table of offsets.

use crate::error::Error;
use agent_zone::ZoneFile;
use std::iter;
use std::sync::Arc;

/// The year after the last runs, so that an offset after the end of 2100 is known too.
const LAST_YEAR: i32 = 2101;

/// A time zone: its name and each of its offsets up to the end of 2100. Cheap to clone; about 6 kB, shared.
#[derive(Clone, Debug)]
pub struct Zone(Arc<Table>);

#[derive(Debug)]
struct Table {
    name: Box<str>,
    /// The first begins at [`i64::MIN`].
    spans: Box<[Span]>,
}

/// A stretch of time with one offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Its first instant, in Unix seconds.
    pub(crate) start: i64,
    /// Seconds east of UTC.
    offset: i32,
    /// What is past by then, as an offset at the start: clocks have shown or skipped all times before it.
    past: i32,
}

impl Span {
    /// Seconds east of UTC.
    pub(crate) fn offset(&self) -> i64 {
        self.offset.into()
    }

    /// The least wall time that is this span's to answer for: the first it shows, or the first that no clock
    /// has shown or skipped before. The latter is earlier by the gap where clocks are put forward, so that a
    /// skipped time is the span's, and later by the overlap where they are put back.
    pub(crate) fn floor(&self, wild: bool) -> i64 {
        self.start.saturating_add(if wild { self.offset } else { self.past }.into())
    }
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self::utc_named("UTC")
    }

    /// Reads a zone's file (RFC 9636, versions 1 to 4), its rule for the years to come included.
    ///
    /// # Errors
    /// [`Error::Zone`] if it is none, or one that counts leap seconds.
    pub fn from_tzif(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let file = ZoneFile::parse(bytes).map_err(|error| Error::zone(name, error.to_string()))?;
        if file.has_leap_seconds() {
            return Err(Error::zone(name, "its file counts leap seconds, which Unix time does not"));
        }
        Ok(Self::of_offsets(name, &file.offsets(LAST_YEAR)))
    }

    /// As it was loaded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Seconds east of UTC at an instant; after 2100 those at its end.
    pub fn offset_at(&self, unix: i64) -> i32 {
        self.0.spans[self.span_at(unix)].offset
    }

    pub(super) fn utc_named(name: &str) -> Self {
        Self::of_offsets(name, &[(i64::MIN, 0)])
    }

    /// From which instant which offset holds: sorted, the first since ever.
    fn of_offsets(name: &str, offsets: &[(i64, i32)]) -> Self {
        let mut spans: Vec<Span> = Vec::with_capacity(offsets.len());
        // The wall time up to which all is past.
        let mut past = i64::MIN;
        for &(start, offset) in offsets {
            if let Some(last) = spans.last() {
                if last.offset == offset {
                    continue;
                }
                past = past.max(start.saturating_add(last.offset()));
            }
            // Only in files that lie do they differ by more than a day or two.
            let past = i32::try_from(past.saturating_sub(start)).unwrap_or(offset);
            spans.push(Span { start, offset, past });
        }
        Self(Arc::new(Table { name: name.into(), spans: spans.into() }))
    }

    fn span_at(&self, unix: i64) -> usize {
        self.0.spans.partition_point(|span| span.start <= unix) - 1
    }

    /// The span of an instant and those after it, each with its end (exclusive).
    pub(crate) fn spans_from(&self, unix: i64) -> impl Iterator<Item = (&Span, i64)> {
        let spans = &self.0.spans[self.span_at(unix)..];
        let ends = spans[1..].iter().map(|span| span.start);
        spans.iter().zip(ends.chain(iter::once(i64::MAX)))
    }

    /// The span of an instant and those before it, the latest first.
    pub(crate) fn spans_back_from(&self, unix: i64) -> impl Iterator<Item = (&Span, i64)> {
        let at = self.span_at(unix);
        let end = self.0.spans.get(at + 1).map_or(i64::MAX, |span| span.start);
        let spans = self.0.spans[..=at].iter().rev();
        let ends = iter::once(end).chain(spans.clone().map(|span| span.start));
        spans.zip(ends)
    }
}
