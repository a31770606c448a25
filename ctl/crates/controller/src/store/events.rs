//! The audit log: append-only, each line chained to the one before it by its digest.
//!
//! A line is written before the action it tells of, and completed by a second line of the chain.
//! Lines that a crash left open are completed as [`EventOutcome::Unknown`] at the next open. Old
//! lines are deleted from the front; the digest of the last one deleted stays as an anchor.

use super::StoreError;
use async_trait::async_trait;
use tokio::sync::watch;

/// The audit log.
#[async_trait]
pub(crate) trait Events {
    /// Appends an event before its action; it is on disk when this returns. Returns its number.
    ///
    /// # Errors
    /// When the database cannot be written, or the event exceeds [`MAX_EVENT_BYTES`].
    async fn begin(&self, event: NewEvent) -> Result<i64, StoreError>;

    /// Completes an event.
    ///
    /// # Errors
    /// When the event is unknown or complete, or the database cannot be written.
    async fn complete(
        &self,
        sequence: i64,
        outcome: EventOutcome,
        detail: Option<String>,
        now: i64,
    ) -> Result<(), StoreError>;

    /// Appends an event that is over already; returns its number.
    ///
    /// # Errors
    /// As [`Events::begin`].
    async fn record(&self, event: NewEvent, outcome: EventOutcome) -> Result<i64, StoreError>;

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
pub(crate) const MAX_EVENT_BYTES: usize = 256 << 10;

/// An event to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewEvent {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// Who acts: an operator's name, `host:ID`, `token:ID`, or `controller`.
    pub(crate) actor: String,
    /// The address that the request came from.
    pub(crate) source: Option<String>,
    /// The action's dotted name.
    pub(crate) action: String,
    /// The hosts it concerns.
    pub(crate) hosts: Vec<String>,
    /// What else there is to say: a JSON object. Never a secret.
    pub(crate) detail: Option<String>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventOutcome {
    /// It was done.
    Succeeded,
    /// It was not done: not allowed, or not possible.
    Refused,
    /// It failed.
    Failed,
    /// The controller ended before it knew.
    Unknown,
}

impl EventOutcome {
    /// Every outcome.
    pub(crate) const ALL: [Self; 4] = [Self::Succeeded, Self::Refused, Self::Failed, Self::Unknown];

    /// Returns the outcome's name in the database and the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the outcome of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

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
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventRow {
    /// Its number: grows, and is never reused.
    pub(crate) sequence: i64,
    /// The event.
    pub(crate) event: NewEvent,
    /// How it ended; `None` while it goes on.
    pub(crate) outcome: Option<EventOutcome>,
    /// What there is to say of the outcome: a JSON object.
    pub(crate) outcome_detail: Option<String>,
    /// When it ended, milliseconds since 1970.
    pub(crate) ended_at: Option<i64>,
}

/// What a check of the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Lines that were checked.
    pub(crate) lines: u64,
    /// The first number that is kept; lines before it were deleted for their age.
    pub(crate) first: Option<i64>,
    /// The last number.
    pub(crate) last: Option<i64>,
    /// The digest of the last line, in hexadecimal: to note elsewhere, and compare later.
    pub(crate) digest: String,
    /// The first line that is not as it was written, and in what way.
    pub(crate) broken: Option<Broken>,
}

/// A line that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The line's number.
    pub(crate) sequence: i64,
    /// In what way: a sentence.
    pub(crate) why: String,
}
