//! The audit log: append-only, each line chained to the one before it by its digest.
//!
//! A line is written before the action it tells of, and completed by a second line of the chain.
//! Lines that a crash left open are completed as [`Outcome::Unknown`] at the next open. Old
//! lines are deleted from the front; the digest of the last one deleted stays as an anchor.

use super::StoreError;
use async_trait::async_trait;
use fleet::audit::{Anchor, Event, Outcome};
use fleet::{Digest, UnixMillis};
use tokio::sync::watch;

/// The audit log.
#[async_trait]
pub(crate) trait Events {
    /// Appends an event before its action; it is on disk when this returns. Returns its number.
    ///
    /// # Errors
    /// When the database cannot be written, or the event exceeds [`MAX_EVENT_BYTES`].
    async fn begin(&self, event: Event, at: UnixMillis) -> Result<i64, StoreError>;

    /// Completes an event.
    ///
    /// # Errors
    /// When the event is unknown or complete, or the database cannot be written.
    async fn complete(
        &self,
        sequence: i64,
        outcome: Outcome,
        detail: Option<String>,
        at: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Appends an event that is over already; returns its number.
    ///
    /// # Errors
    /// As [`Events::begin`].
    async fn record(
        &self,
        event: Event,
        outcome: Outcome,
        at: UnixMillis,
    ) -> Result<i64, StoreError>;

    /// Returns a page of events, ordered by number.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn events(&self, query: EventQuery) -> Result<Vec<EventRow>, StoreError>;

    /// Returns the number of the newest line, which a receiver sees change.
    fn newest_event(&self) -> watch::Receiver<i64>;

    /// Reads the whole log and checks its chain.
    ///
    /// # Errors
    /// When the database cannot be read. A broken chain is a [`Verified`].
    async fn verify_events(&self) -> Result<Verified, StoreError>;
}

/// Bytes of an event's texts.
pub(crate) const MAX_EVENT_BYTES: usize = 1 << 20;

/// A page of events.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventQuery {
    /// Only events with a number above this one; with `newest_first`, below it.
    pub(crate) after: Option<i64>,
    /// Newest first.
    pub(crate) newest_first: bool,
    /// The most events of the page.
    pub(crate) limit: usize,
    /// Only those of this actor.
    pub(crate) actor: Option<String>,
    /// Only those of this action.
    pub(crate) action: Option<String>,
    /// Only those that concern this host.
    pub(crate) host: Option<String>,
    /// Only those from this time on.
    pub(crate) since: Option<UnixMillis>,
    /// Only those from before this time.
    pub(crate) until: Option<UnixMillis>,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventRow {
    /// Its number: grows, and is never reused.
    pub(crate) sequence: i64,
    /// When it began.
    pub(crate) at: UnixMillis,
    /// The event.
    pub(crate) event: Event,
    /// The digest of its line.
    pub(crate) digest: Digest,
    /// How it ended; `None` while it goes on.
    pub(crate) end: Option<EventEnd>,
}

/// How an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventEnd {
    /// When it ended.
    pub(crate) at: UnixMillis,
    /// How.
    pub(crate) outcome: Outcome,
    /// What there is to say about that, as JSON text.
    pub(crate) detail: Option<String>,
}

/// What a check of the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Lines that were checked.
    pub(crate) lines: u64,
    /// Where the log begins: the last line that was deleted for its age.
    pub(crate) anchor: Anchor,
    /// The last line that is as it was written: its digest, noted elsewhere, proves later that
    /// everything up to it is still the same.
    pub(crate) head: Anchor,
    /// The first line that is not as it was written: a sentence.
    pub(crate) fault: Option<String>,
}
