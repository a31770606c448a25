//! The controller's records: today, the results that agents deliver.
//!
//! [`Store`] is the interface; [`SqliteStore`] implements it. Each implementation passes the same
//! conformance suite (`conformance`). A store never knows a session: a result comes as an
//! [`Arrival`] with an [`Acknowledgement`] that the store calls once the result is on disk. The API
//! reads pages and single results, and waits for a result with a [`Watch`].

mod arrival;
#[cfg(test)]
mod conformance;
mod error;
mod sqlite;
mod watch;

pub(crate) use arrival::{Acknowledgement, Arrival, Outcome};
pub(crate) use error::StoreError;
pub(crate) use sqlite::{Bounds, SqliteStore};
pub(crate) use watch::Watch;

use async_trait::async_trait;
use std::fmt;

/// Bytes of events in one page. A page holds at least one event, whatever its size.
pub(crate) const MAX_PAGE_BYTES: usize = 8 << 20;

/// A database of results.
#[async_trait]
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Accepts a result, waiting while too many others are queued, and returns before the result
    /// is stored. The acknowledgement reports the outcome. An event that is stored already
    /// is acknowledged again; another event of the same host and task is another run of that id,
    /// and stored beside it.
    async fn put(&self, arrival: Arrival);

    /// Returns a host's results with a sequence number above `after`, oldest first: at most
    /// `limit`, and at most [`MAX_PAGE_BYTES`] of events.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn page(
        &self,
        host: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ResultRow>, StoreError>;

    /// Returns the event of a task's newest run, verbatim.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn event(&self, host: &str, task: &str) -> Result<Option<String>, StoreError>;

    /// Returns the size of the event of a task's newest run, in bytes, without reading it.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn event_size(&self, host: &str, task: &str) -> Result<Option<usize>, StoreError>;

    /// Starts to wait for a result. Call this before looking for the result, or a result that is
    /// stored in between is missed.
    fn watch(&self, host: &str, task: &str) -> Watch;

    /// Returns what is wrong with the database at present, for `/readyz`.
    async fn problem(&self) -> Option<String>;

    /// Stores what [`Store::put`] has accepted, then stops. Results that come later are not
    /// acknowledged, so their agents keep them.
    async fn close(&self);
}

/// A stored result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResultRow {
    /// The result's number: it grows with each result of any host and is never reused, so a client
    /// that has read up to one has missed nothing before it.
    pub(crate) sequence: i64,
    /// Milliseconds since 1970, UTC.
    pub(crate) received: i64,
    /// The task's id.
    pub(crate) task: String,
    /// The event's JSON text, verbatim.
    pub(crate) event: String,
}
