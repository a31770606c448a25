//! Connections that only read: a commit never waits for them, and a slow query holds up one of
//! them.

use super::damage;
use super::sql::PREPARED;
use crate::store::StoreError;
use crate::store::health::Health;
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Connections, and so queries at a time.
pub(super) const CONNECTIONS: usize = 4;

/// The longest time that a query may take; the check of the audit log reads in many queries.
const MAX_TIME: Duration = Duration::from_secs(10);

/// The wait for queries at the end.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Instructions of SQLite's machine between two looks at the time.
const INSTRUCTIONS: i32 = 100_000;

/// Runs queries, one per connection at a time.
#[derive(Debug)]
pub(super) struct Readers {
    /// As many permits as there are connections.
    free: Arc<Semaphore>,
    connections: Arc<Mutex<Vec<Connection>>>,
    health: Arc<Health>,
}

/// A connection on loan; dropped, it is given back.
struct Loan {
    /// `None` only while the loan is dropped.
    connection: Option<Connection>,
    home: Arc<Mutex<Vec<Connection>>>,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.home.lock().extend(self.connection.take());
    }
}

impl Readers {
    /// Makes readers over connections of their own.
    pub(super) fn new(connections: Vec<Connection>, health: Arc<Health>) -> Self {
        for connection in &connections {
            connection.set_prepared_statement_cache_capacity(PREPARED);
        }
        Self {
            free: Arc::new(Semaphore::new(connections.len())),
            connections: Arc::new(Mutex::new(connections)),
            health,
        }
    }

    /// Closes the connections, once their queries have ended. The writer's is the last one then, and
    /// its end removes the write-ahead log, which read-only connections cannot.
    pub(super) async fn close(&self, connections: usize) {
        let all = self.free.acquire_many(u32::try_from(connections).unwrap_or(u32::MAX));
        // A slow query does not hold up the stop; it leaves the log to the next start.
        let _all = tokio::time::timeout(CLOSE_WAIT, all).await;
        self.free.close();
        self.connections.lock().clear();
    }

    /// Runs a query that reads `subject`, as in "cannot read a page of results".
    pub(super) async fn query<T, F>(&self, subject: &'static str, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit =
            Arc::clone(&self.free).acquire_owned().await.map_err(StoreError::reading(subject))?;
        let connections = Arc::clone(&self.connections);
        let metrics = Arc::clone(&self.health.metrics);
        let answer = tokio::task::spawn_blocking(move || {
            let connection = connections.lock().pop();
            let mut loan = Loan { connection, home: connections };
            let since = Instant::now();
            let answer = loan.connection.as_mut().map(|connection| bounded(connection, query));
            metrics.reads.since(since);
            drop(loan);
            drop(permit);
            answer
        })
        .await
        .map_err(StoreError::reading(subject))?
        .ok_or_else(|| StoreError::reading(subject)("no connection is free"))?;
        match answer {
            Ok(value) => Ok(value),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Err(StoreError::Conflict(format!(
                    "reading {subject} took longer than {} s; narrow the search",
                    MAX_TIME.as_secs()
                )))
            }
            Err(error) => {
                damage::note(&self.health, &error);
                Err(StoreError::reading(subject)(error))
            }
        }
    }
}

fn bounded<T>(
    connection: &mut Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let end = Instant::now() + MAX_TIME;
    connection.progress_handler(INSTRUCTIONS, Some(move || Instant::now() >= end))?;
    query(connection)
}
