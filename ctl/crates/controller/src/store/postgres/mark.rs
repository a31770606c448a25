//! Marks, by which the outcome of a commit is found whose answer was lost.
//!
//! Each transaction of a change begins by writing a number of its own into a row of the table `marks`
//! that no other one uses meanwhile. When the answer to its commit is lost, another connection locks
//! this row, which waits until the server has ended the transaction, and reads it: the number is
//! there if and only if the change is.
//!
//! PostgreSQL's own answer to this question, `pg_xact_status`, does not do: a server that is killed
//! gives the number of a transaction to another one, if nothing of the first had reached its disk.

use super::core::Core;
use super::error::{DbError, Failure};
use super::params;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

/// Rows of a tenure: some more than there are connections, for those whose transactions were lost.
const ROWS: i32 = 64;

/// Tenures whose rows are kept. A mark of an older one is not found anymore.
const TENURES: i64 = 16;

/// How long nobody else uses the row of a transaction whose end is not known, which may still lock
/// it: longer than the server leaves a transaction open whose connection is lost.
const REST: Duration = Duration::from_secs(20);

/// The longest search for an outcome, for the same reason; our callers wait longer.
const MAX_SEARCH: Duration = Duration::from_secs(20);

/// The wait before the second look; each one after it doubles the wait.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest of these waits.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Writes a mark, and returns the database's epoch.
pub(super) const WRITE: &str = "UPDATE marks SET number = $3 FROM controller \
                                WHERE run = $1 AND place = $2 RETURNING controller.epoch";

/// Writes a mark of a node, and returns the node's epoch.
pub(super) const WRITE_OF_A_NODE: &str = "\
    UPDATE marks m SET number = $3 FROM nodes n \
    WHERE m.run = $1 AND m.place = $2 AND n.number = m.node RETURNING n.epoch";

const LOOK: &str = "SELECT number FROM marks WHERE run = $1 AND place = $2 FOR UPDATE";

/// The marks of one tenure of a controller.
#[derive(Debug)]
pub(super) struct Marks {
    run: i64,
    last: AtomicI64,
    /// The rows that nobody uses, and since when they may be used.
    free: Mutex<VecDeque<(Instant, i32)>>,
}

/// The mark of a transaction.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) run: i64,
    pub(super) place: i32,
    pub(super) number: i64,
    marks: Arc<Marks>,
    /// Whether the transaction has surely ended.
    ended: bool,
}

/// The outcome of a commit whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The change is stored.
    Stored,
    /// Nothing of it is stored, nor will be.
    Undone,
    /// It cannot be found in time.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stored => "that the change is stored",
            Self::Undone => "that the change has not happened",
            Self::Unknown => "unknown",
        })
    }
}

impl Marks {
    /// Makes the rows of a tenure that begins, and deletes those of old ones.
    pub(super) async fn make(
        client: &Client,
        epoch: i64,
        node: Option<i32>,
    ) -> Result<Self, tokio_postgres::Error> {
        let run = Uuid::new_v4().as_u64_pair().0.cast_signed();
        client
            .execute(
                "INSERT INTO marks (run, place, epoch, number, node) \
                 SELECT $1, place, $2, 0, $4 FROM generate_series(1, $3::int) AS numbers (place)",
                &[&run, &epoch, &ROWS, &node],
            )
            .await?;
        let old = "DELETE FROM marks WHERE epoch <= $1 AND node IS NOT DISTINCT FROM $2";
        client.execute(old, &[&(epoch - TENURES), &node]).await?;
        let now = Instant::now();
        let free = Mutex::new((1..=ROWS).map(|place| (now, place)).collect());
        Ok(Self { run, last: AtomicI64::new(0), free })
    }

    /// Returns the mark of a transaction that begins.
    ///
    /// # Errors
    /// When all rows are in use.
    pub(super) fn take(self: &Arc<Self>) -> Result<Mark, DbError> {
        let mut free = self.free.lock();
        let now = Instant::now();
        // Where all of them rest, the one that has done so for longest.
        let at = free.iter().position(|(from, _)| *from <= now).unwrap_or(0);
        let (_, place) = free.remove(at).ok_or_else(|| {
            DbError::Unreachable("the outcome of too many changes is being looked for".to_owned())
        })?;
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Mark { run: self.run, place, number, marks: Arc::clone(self), ended: false })
    }
}

impl Mark {
    /// Gives the row back, which may be used at once: the transaction has ended.
    pub(super) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let rest = if self.ended { Duration::ZERO } else { REST };
        self.marks.free.lock().push_back((Instant::now() + rest, self.place));
    }
}

impl Core {
    /// Finds the outcome of a transaction whose connection was lost during the commit; waits for a
    /// server that is away.
    pub(super) async fn outcome(&self, mark: &Mark) -> Outcome {
        let until = Instant::now() + MAX_SEARCH;
        let mut wait = FIRST_WAIT;
        loop {
            let error = match self.look(mark).await {
                Ok(Some(number)) if number == mark.number => return Outcome::Stored,
                Ok(Some(_)) => return Outcome::Undone,
                Ok(None) => return Outcome::Unknown,
                Err(error) => error,
            };
            log::debug!("cannot find the outcome of a commit yet: {error}");
            let passes = matches!(error.failure(), Failure::Lost | Failure::Slow);
            if !passes || Instant::now() + wait >= until {
                return Outcome::Unknown;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    /// Returns the number in a mark's row once its transaction has ended. To lock the row is a write,
    /// which is answered when it, and so the transaction before it, is wherever commits have to be.
    async fn look(&self, mark: &Mark) -> Result<Option<i64>, DbError> {
        let sql = self.pool.get().await?;
        sql.first(LOOK, params![mark.run, mark.place], |row| Ok(row.try_get(0)?)).await
    }
}

#[cfg(test)]
mod tests;
