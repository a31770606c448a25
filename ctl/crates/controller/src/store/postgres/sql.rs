//! How statements are run: prepared once per connection, bounded in time, and in tests never without
//! an index.

use super::error::DbError;
use deadpool_postgres::{Client, Object};
use futures_util::future::join;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream, SimpleQueryMessage, Statement};

/// The longest wait for an answer: longer than the server's own bound, which ends a slow statement.
const MAX_ANSWER: Duration = Duration::from_secs(15);

/// Statements that a connection keeps prepared.
const PREPARED: usize = 256;

/// A connection on loan from the pool, alone or within a transaction. It goes back clean, or not at
/// all.
pub(super) struct Sql {
    /// `None` only while it is dropped.
    client: Option<Client>,
    /// An answer is still to come, or a transaction is open.
    busy: AtomicBool,
    /// A statement has failed, so a transaction must not be committed.
    failed: AtomicBool,
}

/// Values of a statement's parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &(dyn tokio_postgres::types::ToSql + Sync)),*]
    };
}
pub(super) use params;

/// The parameters of a statement that is composed.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

impl Sql {
    /// Wraps a connection.
    pub(super) fn new(client: Client) -> Self {
        Self { client: Some(client), busy: AtomicBool::new(false), failed: AtomicBool::new(false) }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("a connection is on loan until it is dropped")
    }

    /// Runs a statement that returns no row; returns the number of rows that it changed.
    pub(super) async fn run(
        &self,
        text: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, DbError> {
        let statement = self.statement(text).await?;
        self.bounded(self.client().execute(&statement, params)).await
    }

    /// Returns the first row, if there is one. The statement bounds the number of rows.
    pub(super) async fn first<T>(
        &self,
        text: &str,
        params: &[&(dyn ToSql + Sync)],
        read: impl FnOnce(&Row) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        let rows = self.rows(text, params).await?;
        rows.first().map(read).transpose()
    }

    /// Returns every row; the statement bounds their number.
    pub(super) async fn all<T>(
        &self,
        text: &str,
        params: &[&(dyn ToSql + Sync)],
        read: impl FnMut(&Row) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let rows = self.rows(text, params).await?;
        rows.iter().map(read).collect()
    }

    /// As [`Sql::all`], with parameters that were composed.
    pub(super) async fn all_of<T>(
        &self,
        text: &str,
        values: &[Value],
        read: impl FnMut(&Row) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let params: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let rows = self.rows(text, &params).await?;
        rows.iter().map(read).collect()
    }

    async fn rows(&self, text: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let statement = self.statement(text).await?;
        self.bounded(self.client().query(&statement, params)).await
    }

    /// Returns the rows one by one. Who does not read to the end gives the connection up.
    pub(super) async fn stream(
        &self,
        text: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, DbError> {
        let statement = self.statement(text).await?;
        let rows = self.client().query_raw(&statement, params.iter().copied());
        let rows = self.bounded(rows).await?;
        self.busy.store(true, Ordering::Relaxed);
        Ok(rows)
    }

    /// Runs a script that opens a transaction, and then a statement, whose first row it returns. Both
    /// are sent at once, so the statement runs even where the script fails.
    pub(super) async fn open<T>(
        &self,
        script: &str,
        text: &str,
        params: &[&(dyn ToSql + Sync)],
        read: impl FnOnce(&Row) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        let statement = self.statement(text).await?;
        self.set_open(true);
        let client = self.client();
        let both = async {
            // Sent in the order in which they are polled.
            let script = client.batch_execute(script);
            let (opened, rows) = join(script, client.query(&statement, params)).await;
            opened.and(rows)
        };
        self.bounded(both).await?.first().map(read).transpose()
    }

    /// Runs statements without parameters, as they are; returns the first column of the last row.
    pub(super) async fn script(&self, text: &str) -> Result<Option<String>, DbError> {
        let answers = self.bounded(self.client().simple_query(text)).await?;
        Ok(answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// Gives the connection up: it is not used again.
    pub(super) fn give_up(&self) {
        self.busy.store(true, Ordering::Relaxed);
    }

    /// Notes whether a transaction is open.
    pub(super) fn set_open(&self, open: bool) {
        self.busy.store(open, Ordering::Relaxed);
    }

    /// Returns whether a statement has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    async fn statement(&self, text: &str) -> Result<Statement, DbError> {
        let client = self.client();
        #[cfg(test)]
        super::plan::check(self, text).await;
        if client.statement_cache.size() >= PREPARED {
            client.statement_cache.clear();
        }
        self.bounded(client.prepare_cached(text)).await
    }

    /// Waits for an answer. A connection that gives none is not used again.
    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DbError> {
        let open = self.busy.swap(true, Ordering::Relaxed);
        let Ok(answer) = tokio::time::timeout(MAX_ANSWER, work).await else {
            self.failed.store(true, Ordering::Relaxed);
            return Err(DbError::Silent);
        };
        self.busy.store(open, Ordering::Relaxed);
        answer.map_err(|error| {
            self.failed.store(true, Ordering::Relaxed);
            DbError::Postgres(error)
        })
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        if self.busy.load(Ordering::Relaxed) {
            // Closed: the server ends what is open.
            drop(Object::take(client));
        }
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("busy", &self.busy).finish_non_exhaustive()
    }
}
