//! Why a site was not moved: one sentence, with what to do.

use crate::error::Error;
use crate::store::Sentence;
use std::fmt;
use std::path::PathBuf;
use tokio::task::JoinHandle;

/// A reason to stop. Nothing is moved then, unless the sentence says so.
#[derive(Debug)]
pub(super) enum MigrateError {
    /// A flag is wrong.
    Flags(String),
    /// The source or the target cannot be used.
    Unusable(Error),
    /// An earlier run has moved the site; the old file.
    MovedAlready(PathBuf),
    /// The target holds something.
    NotEmpty { database: String, table: String },
    /// A table or column exists on one side only: a mistake of ours.
    Unplanned(String),
    /// A table of the source cannot be read.
    Read { table: String, source: rusqlite::Error },
    /// A value of the source has no place in the target.
    Value { table: String, column: String, why: String },
    /// The server did not do as it was asked.
    Server { doing: String, source: tokio_postgres::Error },
    /// The copy differs from the source.
    Differs { table: String, what: String },
    /// A signal.
    Stopped(&'static str),
    /// A thread panicked.
    Thread(tokio::task::JoinError),
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNTOUCHED: &str = "nothing was moved: the source is as it was, the target empty";
        match self {
            Self::Flags(why) => f.write_str(why),
            Self::Unusable(error) => error.fmt(f),
            Self::MovedAlready(file) => write!(
                f,
                "{}: this site has been moved already; start the controller with --database",
                file.display()
            ),
            Self::NotEmpty { database, table } => write!(
                f,
                "{database}: it is not empty: the table {table} has rows; give an empty database: \
                 createdb -E UTF8 -T template0 NAME"
            ),
            Self::Unplanned(what) => write!(f, "cannot plan the migration: {what}; {UNTOUCHED}"),
            Self::Read { table, source } => write!(
                f,
                "cannot read the table {table} of the source: {source}; restore a backup or repair \
                 it with sqlite3's .recover; {UNTOUCHED}"
            ),
            Self::Value { table, column, why } => {
                write!(f, "the table {table}, column {column}: {why}; {UNTOUCHED}")
            }
            Self::Server { doing, source } => {
                write!(f, "{doing}: {}; run the migration again", Sentence(source))
            }
            Self::Differs { table, what } => write!(
                f,
                "the copy of the table {table} differs from the source: {what}; {UNTOUCHED}"
            ),
            Self::Stopped(signal) => write!(f, "{signal}: {UNTOUCHED}"),
            Self::Thread(error) => write!(f, "a thread failed: {error}; {UNTOUCHED}"),
        }
    }
}

impl std::error::Error for MigrateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unusable(error) => Some(error),
            Self::Read { source, .. } => Some(source),
            Self::Server { source, .. } => Some(source),
            Self::Thread(error) => Some(error),
            Self::Flags(_)
            | Self::MovedAlready(_)
            | Self::NotEmpty { .. }
            | Self::Unplanned(_)
            | Self::Value { .. }
            | Self::Differs { .. }
            | Self::Stopped(_) => None,
        }
    }
}

impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        Self::Unusable(error)
    }
}

/// For `map_err`: a table of the source cannot be read.
pub(super) fn read(table: &str) -> impl Fn(rusqlite::Error) -> MigrateError + '_ {
    move |source| MigrateError::Read { table: table.to_owned(), source }
}

/// For `map_err`: the server failed at this.
pub(super) fn server(
    doing: impl Into<String>,
) -> impl FnOnce(tokio_postgres::Error) -> MigrateError {
    let doing = doing.into();
    move |source| MigrateError::Server { doing, source }
}

/// Names the flag of this command in an error of the database's URL.
pub(super) fn of_address(error: Error) -> MigrateError {
    match error {
        Error::Flags(why) => MigrateError::Flags(why.replacen("--database:", "--to:", 1)),
        other => MigrateError::Unusable(other),
    }
}

/// Waits for a thread.
pub(super) async fn joined<T>(thread: JoinHandle<T>) -> Result<T, MigrateError> {
    thread.await.map_err(MigrateError::Thread)
}
