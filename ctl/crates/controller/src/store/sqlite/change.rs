//! Changes that wait for the writer's next transaction, and their answers.
//!
//! The writer runs many changes in one transaction, each within a savepoint: one that fails leaves
//! nothing behind and does not disturb the others. It answers all of them after the commit.

use crate::store::StoreError;
pub(super) use crate::store::effects::Effects;
use rusqlite::Connection;
use std::error::Error;
use std::fmt;
use tokio::sync::oneshot;

/// Why a change came to nothing.
#[derive(Debug)]
pub(super) enum ChangeError {
    /// It is not possible: the caller learns this.
    Refused(StoreError),
    /// The database failed.
    Sqlite(rusqlite::Error),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Sqlite(error) => error.fmt(f),
        }
    }
}

impl Error for ChangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => error.source(),
            Self::Sqlite(error) => Some(error),
        }
    }
}

impl From<rusqlite::Error> for ChangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// A transaction as a change sees it.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    /// The connection, within the transaction.
    pub(super) sql: &'a Connection,
    /// What others learn.
    pub(super) effects: &'a mut Effects,
}

/// A change in the queue.
pub(super) trait QueuedChange: Send {
    /// Does the work and keeps its outcome. May be called again when the transaction came to
    /// nothing.
    ///
    /// # Errors
    /// When the database fails; a refusal is an outcome.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Refusal, rusqlite::Error>;

    /// Returns whether what waits of the hosts' presence is to be written before it.
    fn needs_presence(&self) -> bool;

    /// Answers with the outcome of the last run, which is on disk now.
    fn committed(self: Box<Self>);

    /// Answers that the database failed.
    fn failed(self: Box<Self>, error: StoreError);
}

/// Whether a change was refused, so that nothing of it may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was done.
    None,
    /// It was refused.
    Refused,
}

/// A change and the end of its answer.
pub(super) struct Pending<F, T> {
    work: F,
    needs_presence: bool,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Pending<F, T>
where
    F: FnMut(&mut Transaction<'_>) -> Result<T, ChangeError> + Send + 'static,
    T: Send + 'static,
{
    /// Makes a change of `work`, and the other end of its answer.
    pub(super) fn new(
        work: F,
        needs_presence: bool,
    ) -> (Box<Self>, oneshot::Receiver<Result<T, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        (Box::new(Self { work, needs_presence, outcome: None, answer }), answered)
    }
}

impl<F, T> QueuedChange for Pending<F, T>
where
    F: FnMut(&mut Transaction<'_>) -> Result<T, ChangeError> + Send,
    T: Send,
{
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Refusal, rusqlite::Error> {
        let (outcome, refusal) = match (self.work)(transaction) {
            Ok(value) => (Ok(value), Refusal::None),
            Err(ChangeError::Refused(error)) => (Err(error), Refusal::Refused),
            Err(ChangeError::Sqlite(error)) => return Err(error),
        };
        self.outcome = Some(outcome);
        Ok(refusal)
    }

    fn needs_presence(&self) -> bool {
        self.needs_presence
    }

    fn committed(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Whoever asked may have gone.
            let _ = self.answer.send(outcome);
        }
    }

    fn failed(self: Box<Self>, error: StoreError) {
        // As above.
        let _ = self.answer.send(Err(error));
    }
}
