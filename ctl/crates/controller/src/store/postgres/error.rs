//! What PostgreSQL, or the way to it, answers in place of rows.

use crate::store::StoreError;
use std::error::Error;
use std::fmt;
use tokio_postgres::error::SqlState;

/// Why a statement came to nothing.
#[derive(Debug)]
pub(super) enum DbError {
    /// The server or the connection failed.
    Postgres(tokio_postgres::Error),
    /// The server did not answer in time; whether it did the work is unknown.
    Silent,
    /// There is no connection: a sentence that says why.
    Unreachable(String),
    /// A statement of the transaction had failed before, so the server does none of it.
    Aborted,
    /// A stored value cannot be read: a sentence.
    Content(String),
}

/// What to make of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Two transactions were in each other's way: the same again may work.
    Conflict,
    /// The connection is gone.
    Lost,
    /// The server had no time for it.
    Slow,
    /// There is no room on the server's disk.
    Full,
    /// A text holds a character that PostgreSQL cannot store.
    Text,
    /// The server found its files damaged.
    Damage,
    /// Anything else.
    Other,
}

impl DbError {
    /// Returns what to make of it.
    pub(super) fn failure(&self) -> Failure {
        let error = match self {
            Self::Postgres(error) => error,
            Self::Silent | Self::Unreachable(_) => return Failure::Lost,
            Self::Aborted | Self::Content(_) => return Failure::Other,
        };
        let Some(code) = error.code() else {
            return if error.is_closed() || has_io(error) { Failure::Lost } else { Failure::Other };
        };
        // Of two that insert the same, the second one is tried again and finds it.
        let in_the_way = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
        ];
        if in_the_way.contains(code) {
            Failure::Conflict
        } else if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
            Failure::Slow
        } else if *code == SqlState::DISK_FULL {
            Failure::Full
        } else if *code == SqlState::CHARACTER_NOT_IN_REPERTOIRE {
            Failure::Text
        } else if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) {
            Failure::Damage
        } else if ["08", "57"].contains(&&code.code()[..2])
            || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        {
            // A primary that became a standby takes no writes: another connection finds the new one.
            Failure::Lost
        } else {
            Failure::Other
        }
    }

    /// Returns whether a commit that ended so has surely changed nothing.
    pub(super) fn is_rolled_back(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        // 40003 says that the server does not know either.
        error.code().is_some_and(|code| {
            let class = &code.code()[..2];
            ["23", "25", "40", "53"].contains(&class) && code.code() != "40003"
        })
    }

    /// Returns the error for the caller: `operation` failed on the database named `database`.
    pub(super) fn for_callers(&self, operation: &str, database: &str) -> StoreError {
        match self.failure() {
            Failure::Full => StoreError::Full(format!(
                "the disk of the database server is full ({database}); make room, then retry"
            )),
            Failure::Text => StoreError::Conflict(
                "a text holds the character NUL, which the database cannot store; leave it out"
                    .to_owned(),
            ),
            Failure::Conflict
            | Failure::Lost
            | Failure::Slow
            | Failure::Damage
            | Failure::Other => StoreError::Unavailable {
                operation: format!("{operation} ({database})"),
                source: self.to_string().into(),
            },
        }
    }
}

/// Returns whether an error of the network is among the causes.
fn has_io(error: &tokio_postgres::Error) -> bool {
    std::iter::successors(error.source(), |&cause| cause.source())
        .any(|cause| cause.is::<std::io::Error>())
}

/// Writes the server's own sentence; its details may hold values of rows, which stay out of logs.
pub(crate) struct Sentence<'a>(pub(crate) &'a tokio_postgres::Error);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.0.as_db_error() {
            return write!(f, "{} (SQLSTATE {})", error.message(), error.code().code());
        }
        self.0.fmt(f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(error) => Sentence(error).fmt(f),
            Self::Silent => f.write_str("the server did not answer in time"),
            Self::Unreachable(why) | Self::Content(why) => f.write_str(why),
            Self::Aborted => f.write_str("an earlier statement of the transaction failed"),
        }
    }
}

impl Error for DbError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Postgres(error) => Some(error),
            Self::Silent | Self::Unreachable(_) | Self::Aborted | Self::Content(_) => None,
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}
