//! Changes: each is one transaction of its own, at READ COMMITTED, and is on disk when its caller
//! hears of it.
//!
//! A change runs in a task of its own, so that it is finished and published even if its caller has
//! gone. The store tries it again when the server ends it to break a deadlock, or when its
//! connection is lost. A commit that was sent and not answered may have happened: the store looks for
//! its mark (`mark`), and only if that cannot be found in time, the caller gets an error that says so.

use super::core::Core;
use super::error::{DbError, Failure};
use super::mark::{Mark, Outcome};
use super::nodes::news;
use super::params;
use super::sql::Sql;
use crate::store::StoreError;
use crate::store::effects::Effects;
use fleet::audit::Anchor;
use std::error::Error;
use std::fmt;
use std::time::Instant;

/// The most tries of a change.
const MAX_TRIES: u32 = 4;

/// Why a change came to nothing.
#[derive(Debug)]
pub(super) enum ChangeError {
    /// It is not possible: the caller learns this.
    Refused(StoreError),
    /// The database failed.
    Database(DbError),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl Error for ChangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => error.source(),
            Self::Database(error) => Some(error),
        }
    }
}

impl From<DbError> for ChangeError {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl From<tokio_postgres::Error> for ChangeError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// A transaction as a change sees it.
#[derive(Debug)]
pub(super) struct Transaction {
    /// The connection, within the transaction.
    pub(super) sql: Sql,
    /// What others learn once it is committed.
    pub(super) effects: Effects,
    /// The end of the audit log, once the transaction has locked it.
    pub(super) head: Option<Anchor>,
    /// The node whose change this is; `None` of the only controller.
    pub(super) node: Option<i32>,
    mark: Mark,
}

impl Transaction {
    /// Ends a transaction that came to nothing. Where that fails, the connection is closed, which
    /// ends it too.
    pub(super) async fn roll_back(self) {
        let Self { sql, mark, .. } = self;
        // In either case before the connection, whose next user needs a mark.
        if sql.script("ROLLBACK").await.is_ok() {
            sql.set_open(false);
            mark.end();
        } else {
            drop(mark);
        }
    }
}

/// The outcome of one try of a change.
pub(super) enum Step<T> {
    /// It is done.
    Done(Result<T, StoreError>),
    /// It is tried again.
    Again,
}

/// Runs a change: `change!(self, |transaction| work(&mut transaction, &values))`. The values are
/// moved into the change, which may run several times; `work` returns a `Result<_, ChangeError>`.
macro_rules! change {
    ($store:expr, |$transaction:ident| $work:expr) => {{
        let core = std::sync::Arc::clone(&$store.core);
        let changing =
            async move { $crate::store::postgres::change::attempt!(core, |$transaction| $work) };
        $store.core.finished(changing).await
    }};
}
pub(super) use change;

/// Runs a change in the caller's own task: `attempt!(core, |transaction| work(&mut transaction))`.
macro_rules! attempt {
    ($core:expr, |$transaction:ident| $work:expr) => {{
        let core = &$core;
        let mut tries = 0;
        loop {
            #[allow(unused_mut, reason = "some changes only read it")]
            let mut $transaction = match core.begin().await {
                Ok(transaction) => transaction,
                Err(error) => break Err(error),
            };
            let outcome: Result<_, $crate::store::postgres::change::ChangeError> = $work.await;
            match core.finish($transaction, outcome, &mut tries).await {
                $crate::store::postgres::change::Step::Done(done) => break done,
                $crate::store::postgres::change::Step::Again => {}
            }
        }
    }};
}
pub(super) use attempt;

/// Runs a query that reads `subject`, as in "cannot read a page of results":
/// `query!(self, "a page of results", |sql| page(&sql, …))`, which returns a `Result<_, DbError>`.
macro_rules! query {
    ($store:expr, $subject:expr, |$sql:ident| $work:expr) => {{
        let core = &$store.core;
        let mut tries = 0;
        loop {
            let $sql = match core.reader($subject).await {
                Ok(sql) => sql,
                Err(error) => break Err(error),
            };
            let since = std::time::Instant::now();
            let answer: Result<_, $crate::store::postgres::error::DbError> = $work.await;
            drop($sql);
            match core.answered($subject, answer, since, &mut tries) {
                $crate::store::postgres::change::Step::Done(done) => break done,
                $crate::store::postgres::change::Step::Again => {}
            }
        }
    }};
}
pub(super) use query;

impl Core {
    /// Begins a transaction.
    ///
    /// # Errors
    /// When there is no connection, or this controller is not the database's.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        self.try_begin().await.map_err(|error| self.unwritten(&error))
    }

    /// As [`Core::begin`].
    pub(super) async fn try_begin(&self) -> Result<Transaction, DbError> {
        let tenure = self.hold.tenure()?;
        let sql = self.pool.get().await?;
        let mark = tenure.marks.take()?;
        let values = params![mark.run, mark.place, mark.number];
        let found = sql.open(&tenure.begin, tenure.write_mark, values, |row| Ok(row.try_get(0)?));
        if found.await? != Some(tenure.epoch) {
            self.hold.doubt(tenure.epoch);
            return Err(self.hold.nobody());
        }
        let node = tenure.node;
        Ok(Transaction { sql, effects: Effects::default(), head: None, node, mark })
    }

    /// Commits what a change has done, or undoes it.
    pub(super) async fn finish<T>(
        &self,
        transaction: Transaction,
        outcome: Result<T, ChangeError>,
        tries: &mut u32,
    ) -> Step<T> {
        let error = match outcome {
            Ok(value) => match self.commit(transaction).await {
                Ok(()) => return Step::Done(Ok(value)),
                Err(error) => error,
            },
            Err(ChangeError::Refused(refusal)) => {
                transaction.roll_back().await;
                return Step::Done(Err(refusal));
            }
            Err(ChangeError::Database(error)) => {
                self.forget(&transaction.effects);
                transaction.roll_back().await;
                CommitError::Undone(error)
            }
        };
        *tries += 1;
        match error {
            CommitError::Undone(error)
                if *tries < MAX_TRIES
                    && matches!(error.failure(), Failure::Conflict | Failure::Lost) =>
            {
                log::debug!("trying a change again: {error}");
                Step::Again
            }
            CommitError::Undone(error) => Step::Done(Err(self.unwritten(&error))),
            CommitError::Unknown(error) => Step::Done(Err(StoreError::Unavailable {
                operation: format!(
                    "the database was lost during a commit ({}): the change may have happened",
                    self.address
                ),
                source: error.to_string().into(),
            })),
        }
    }

    /// Commits a transaction and publishes what it changed.
    pub(super) async fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
        // The server answers such a commit by a rollback, and calls that a success.
        if transaction.sql.has_failed() {
            self.forget(&transaction.effects);
            transaction.roll_back().await;
            return Err(CommitError::Undone(DbError::Aborted));
        }
        let has_news = match news::write(&transaction).await {
            Ok(has_news) => has_news,
            Err(error) => {
                self.forget(&transaction.effects);
                transaction.roll_back().await;
                return Err(CommitError::Undone(error));
            }
        };
        let Transaction { sql, effects, node: _, mark, head: _ } = transaction;
        let since = Instant::now();
        let committed = sql.script("COMMIT").await;
        // Also when it is not known yet whether it happened.
        self.forget(&effects);
        let ended = committed.as_ref().err().is_none_or(DbError::is_rolled_back);
        let not_ended = if ended {
            sql.set_open(false);
            // Before the connection is given back, and not after what follows: there are enough marks for
            // the connections, and not for all changes that wait to be published.
            mark.end();
            None
        } else {
            Some(mark)
        };
        // Closed, if it has not ended: the server learns that nobody waits for its answer.
        drop(sql);
        match (committed, not_ended) {
            (Ok(_), _) => {}
            (Err(error), None) => return Err(CommitError::Undone(error)),
            (Err(error), Some(mark)) => self.lost(error, &effects, mark).await?,
        }
        self.health.metrics.commits.since(since);
        self.health.set_writes(true);
        if has_news {
            self.nodes.has_news();
        }
        self.publish(effects).await;
        Ok(())
    }

    /// Finds out whether a commit has happened whose answer was lost.
    ///
    /// # Errors
    /// When it has not, or that cannot be found out.
    async fn lost(&self, error: DbError, effects: &Effects, mark: Mark) -> Result<(), CommitError> {
        self.note(&error);
        self.health.set_writes(false);
        let outcome = self.outcome(&mark).await;
        // Hosts may have been judged meanwhile by what was there before.
        self.forget(effects);
        log::info!("the answer to a commit was lost ({error}); its outcome is {outcome}");
        match outcome {
            Outcome::Stored => {
                mark.end();
                Ok(())
            }
            Outcome::Undone => {
                mark.end();
                Err(CommitError::Undone(error))
            }
            Outcome::Unknown => Err(CommitError::Unknown(error)),
        }
    }

    /// Returns the error for the caller of a change that is not stored.
    pub(super) fn unwritten(&self, error: &DbError) -> StoreError {
        self.note(error);
        if error.failure() != Failure::Text {
            self.health.set_writes(false);
        }
        error.for_callers("cannot write the database", &self.address.to_string())
    }
}

/// Why a transaction is not known to be on disk.
#[derive(Debug)]
pub(super) enum CommitError {
    /// Nothing of it is stored.
    Undone(DbError),
    /// It may be stored or not.
    Unknown(DbError),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undone(error) => error.fmt(f),
            Self::Unknown(error) => write!(f, "lost during a commit: {error}"),
        }
    }
}

impl CommitError {
    /// Returns the database's error.
    pub(super) fn into_inner(self) -> DbError {
        match self {
            Self::Undone(error) | Self::Unknown(error) => error,
        }
    }

    /// Returns whether the same transaction may fare better at once, on another connection.
    pub(super) fn is_of_its_connection(&self) -> bool {
        match self {
            Self::Undone(error @ (DbError::Postgres(_) | DbError::Silent)) => {
                error.failure() == Failure::Lost
            }
            Self::Undone(_) | Self::Unknown(_) => false,
        }
    }

    /// Returns whether smaller transactions may fare better.
    pub(super) fn is_of_its_content(&self) -> bool {
        match self {
            Self::Undone(error) => error.failure() != Failure::Lost,
            Self::Unknown(_) => false,
        }
    }
}
