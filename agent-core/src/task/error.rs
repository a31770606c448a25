//! Why a task or a job could not be accepted, found or changed.

use super::journal::CommitError;
use super::record::MAX_COMMAND;
use crate::clock::Millis;
use crate::exec::StartError;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Why a task or a job could not be accepted, found or changed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command cannot be started on this host.
    Start(StartError),
    /// No task has this id.
    NoSuchTask(String),
    /// Another task has this id already.
    Differs(String),
    /// The task came after the moment until which it may be accepted.
    Expired {
        /// That moment.
        not_after: Millis,
        /// This host's clock.
        now: Millis,
    },
    /// The task with this id has no result yet.
    NotEnded(String),
    /// No job has this name.
    NoSuchJob(String),
    /// A bound of the settings or the disk leaves no space: which one.
    NoSpace(String),
    /// The agent cannot accept more tasks at the moment: why.
    Busy(String),
    /// The journal rejected the records.
    Journal(CommitError),
    /// A file or directory of the task store cannot be read or written.
    File {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A system call failed that has no path to name.
    System {
        /// Its name.
        call: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// A command whose fields take so many bytes that no record can hold them.
    pub(crate) fn too_long(bytes: usize) -> Self {
        let why = format!(
            "is too long: the command's fields take {bytes} bytes as JSON; a task or a job may \
             have {MAX_COMMAND}"
        );
        Self::Start(StartError::InvalidCommand { field: "stdin", why })
    }

    pub(super) fn file(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::File { path: path.to_owned(), source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = agent_wire::json::quote;
        match self {
            Self::Start(error) => error.fmt(f),
            Self::NoSuchTask(id) => write!(f, "no task with id \"{}\"", quote(id)),
            Self::Differs(id) => {
                write!(f, "task \"{}\" already exists with different parameters", quote(id))
            }
            Self::Expired { not_after, now } => {
                write!(f, "not_after is {not_after}, and this host's clock says {now}")
            }
            Self::NotEnded(id) => write!(f, "task \"{}\" has not ended", quote(id)),
            Self::NoSuchJob(name) => write!(f, "no job named \"{}\"", quote(name)),
            Self::NoSpace(why) => write!(f, "no space for another task: {why}"),
            Self::Busy(why) => f.write_str(why),
            Self::Journal(error) => write!(f, "task journal: {error}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::System { call, source } => write!(f, "{call}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Journal(error) => Some(error),
            Self::File { source, .. } | Self::System { source, .. } => Some(source),
            Self::NoSuchTask(_)
            | Self::Differs(_)
            | Self::Expired { .. }
            | Self::NotEnded(_)
            | Self::NoSuchJob(_)
            | Self::NoSpace(_)
            | Self::Busy(_) => None,
        }
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        Self::Journal(error)
    }
}
