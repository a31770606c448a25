//! The results that agents deliver.

use super::{Arrival, StoreError, Watch};
use async_trait::async_trait;

/// Bytes of events in one page. A page holds at least one event, whatever its size.
pub(crate) const MAX_PAGE_BYTES: usize = 8 << 20;

/// The results of all hosts.
#[async_trait]
pub(crate) trait Results {
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
    async fn results(
        &self,
        host: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ResultRow>, StoreError>;

    /// Returns a host's results with a sequence number below `before`, newest first, without the
    /// output in their events.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn newest_results(
        &self,
        host: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ResultHead>, StoreError>;

    /// Returns the event of a task's newest run, verbatim.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn result(&self, host: &str, task: &str) -> Result<Option<String>, StoreError>;

    /// Returns the size of the event of a task's newest run, in bytes, without reading it.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn result_size(&self, host: &str, task: &str) -> Result<Option<usize>, StoreError>;

    /// Starts to wait for a result. Call this before looking for the result, or a result that is
    /// stored in between is missed.
    fn watch_result(&self, host: &str, task: &str) -> Watch;
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

/// A stored result without its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResultHead {
    /// The result, whose event lacks the member `data`.
    pub(crate) row: ResultRow,
    /// Bytes of the whole event.
    pub(crate) bytes: u64,
}
