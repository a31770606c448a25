//! Reading results, by a connection that only reads: a commit never waits for it.

use rusqlite::{Connection, OptionalExtension as _, params};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Bytes of events in one page; at least one event, whatever its size.
const MAX_PAGE: usize = 8 << 20;

/// One stored result.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Grows with each result of any host.
    pub(crate) sequence: i64,
    /// Milliseconds since 1970, UTC.
    pub(crate) received: i64,
    /// The task's id.
    pub(crate) task: String,
    /// The event's JSON text.
    pub(crate) event: String,
}

/// The database does not give what it should hold.
#[derive(Debug)]
pub(crate) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one thing after the other.
#[derive(Debug)]
pub(super) struct Reader(Arc<Mutex<Connection>>);

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    /// A host's results behind the sequence number `after`, oldest first: at most `limit`, and at most
    /// [`MAX_PAGE`] bytes.
    pub(super) async fn page(
        &self,
        host: String,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Stored>, Unreadable> {
        self.ask(move |connection| {
            let mut statement = connection.prepare(
                "SELECT sequence, received, task, event FROM results WHERE host = ? AND sequence > ? ORDER BY sequence",
            )?;
            let mut rows = statement.query(params![host, after])?;
            let (mut page, mut size) = (Vec::new(), 0);
            while page.len() < limit
                && let Some(row) = rows.next()?
            {
                size += row.get_ref(3)?.as_str()?.len();
                if size > MAX_PAGE && !page.is_empty() {
                    break;
                }
                page.push(Stored {
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

    /// The event of one task.
    pub(super) async fn event(&self, host: String, task: String) -> Result<Option<String>, Unreadable> {
        self.ask(move |connection| {
            connection
                .prepare("SELECT event FROM results WHERE host = ? AND task = ?")?
                .query_row(params![host, task], |row| row.get(0))
                .optional()
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unreadable> {
        let connection = Arc::clone(&self.0).lock_owned().await;
        match tokio::task::spawn_blocking(move || ask(&connection)).await {
            Ok(found) => found.map_err(|error| Unreadable(error.to_string())),
            Err(error) => Err(Unreadable(error.to_string())),
        }
    }
}
