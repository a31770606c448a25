//! Why a transaction is not on disk.

use crate::store::StoreError;
use rusqlite::ErrorCode;
use std::fmt;

/// Why a transaction is not on disk.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The files of the database are not where they were.
    Displaced(String),
    Sqlite(rusqlite::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Displaced(why) => f.write_str(why),
            Self::Sqlite(error) => error.fmt(f),
        }
    }
}

impl WriteError {
    /// Returns the error for whoever asked for a change.
    pub(super) fn for_callers(&self) -> StoreError {
        match self {
            Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                StoreError::Full(
                    "the disk of the controller's state directory is full; make room, then retry"
                        .to_owned(),
                )
            }
            Self::Displaced(why) => StoreError::Unavailable {
                operation: "cannot write the database".to_owned(),
                source: why.clone().into(),
            },
            Self::Sqlite(error) => StoreError::Unavailable {
                operation: "cannot write the database".to_owned(),
                source: error.to_string().into(),
            },
        }
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
