//! Reads results over a connection that only reads: a commit never waits for it.

use super::health::Health;
use crate::store::{MAX_PAGE_BYTES, ResultRow, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

const PAGE: &str = "SELECT sequence, received, task, event FROM results \
     WHERE host = ? AND sequence > ? ORDER BY sequence";

const NEWEST_RUN: &str = "SELECT event FROM results WHERE host = ? AND task = ? \
     ORDER BY sequence DESC LIMIT 1";

const SIZE_OF_NEWEST_RUN: &str = "SELECT octet_length(event) FROM results \
     WHERE host = ? AND task = ? ORDER BY sequence DESC LIMIT 1";

/// Runs one query at a time.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Arc<Mutex<Connection>>,
    health: Arc<Health>,
}

impl Reader {
    /// Makes a reader over a connection of its own.
    ///
    /// # Errors
    /// When the database's tables are not as the queries need them.
    pub(super) fn new(connection: Connection, health: Arc<Health>) -> rusqlite::Result<Self> {
        connection.prepare(PAGE)?;
        connection.prepare(NEWEST_RUN)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), health })
    }

    /// Returns a page of a host's results; see [`crate::store::Store::page`].
    pub(super) async fn page(
        &self,
        host: String,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ResultRow>, StoreError> {
        self.query("a page of results", move |connection| {
            let mut statement = connection.prepare(PAGE)?;
            let mut rows = statement.query(params![host, after])?;
            let (mut page, mut size) = (Vec::new(), 0);
            while page.len() < limit
                && let Some(row) = rows.next()?
            {
                size += row.get_ref(3)?.as_str()?.len();
                if size > MAX_PAGE_BYTES && !page.is_empty() {
                    break;
                }
                page.push(ResultRow {
                    sequence: row.get(0)?,
                    received: row.get(1)?,
                    task: row.get(2)?,
                    event: row.get(3)?,
                });
            }
            Ok(page)
        })
        .await
    }

    /// Returns the event of a task's newest run.
    pub(super) async fn event(
        &self,
        host: String,
        task: String,
    ) -> Result<Option<String>, StoreError> {
        self.query("a task's result", move |connection| {
            connection
                .prepare(NEWEST_RUN)?
                .query_row(params![host, task], |row| row.get(0))
                .optional()
        })
        .await
    }

    /// Returns the size of that event.
    pub(super) async fn event_size(
        &self,
        host: String,
        task: String,
    ) -> Result<Option<usize>, StoreError> {
        self.query("the size of a task's result", move |connection| {
            connection
                .prepare(SIZE_OF_NEWEST_RUN)?
                .query_row(params![host, task], |row| row.get::<_, u32>(0))
                .optional()
                .map(|size| size.and_then(|size| usize::try_from(size).ok()))
        })
        .await
    }

    async fn query<T: Send + 'static>(
        &self,
        subject: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection).lock_owned().await;
        let metrics = Arc::clone(&self.health.metrics);
        let measured = move || {
            let since = Instant::now();
            let read = query(&connection);
            metrics.reads.since(since);
            read
        };
        tokio::task::spawn_blocking(measured)
            .await
            .map_err(StoreError::reading(subject))?
            .inspect_err(|error| self.health.note(error))
            .map_err(StoreError::reading(subject))
    }
}
