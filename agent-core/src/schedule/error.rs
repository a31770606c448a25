//! Why a job could not be set, changed or run.

use crate::exec::StartError;
use crate::task;
use std::{fmt, io};

/// Why a job could not be set, changed or run.
#[derive(Debug)]
pub(crate) enum Error {
    /// A field of a job, or a setting, has a value that cannot be used.
    Invalid {
        /// The field of the request, or the key of the setting.
        field: &'static str,
        /// The fault.
        why: String,
    },
    /// The job is defined in a crontab file.
    InFile {
        /// The job's name.
        job: String,
        /// The file's path.
        file: String,
    },
    /// The store of tasks and jobs rejected it.
    Task(task::Error),
    /// A system call failed that has no path to name.
    System {
        /// Its name.
        call: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn invalid(field: &'static str, why: impl fmt::Display) -> Self {
        Self::Invalid { field, why: why.to_string() }
    }

    pub(super) fn system(call: &'static str, source: impl Into<io::Error>) -> Self {
        Self::System { call, source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, why } => write!(f, "{field}: {why}"),
            Self::InFile { job, file } => {
                let job = agent_wire::json::quote(job);
                write!(f, "name: job \"{job}\" is defined in {file}; edit that file")
            }
            Self::Task(error) => error.fmt(f),
            Self::System { call, source } => write!(f, "{call}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Task(error) => Some(error),
            Self::System { source, .. } => Some(source),
            Self::Invalid { .. } | Self::InFile { .. } => None,
        }
    }
}

impl From<task::Error> for Error {
    fn from(error: task::Error) -> Self {
        Self::Task(error)
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Task(task::Error::Start(error))
    }
}
