//! Why a command or a task was not started.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a command or a task was not started.
#[derive(Debug)]
pub enum StartError {
    /// A field of the request that no host could run.
    InvalidCommand {
        /// The request's field.
        field: &'static str,
        /// The problem with the field.
        why: String,
    },
    /// No such account on this host, as NSS answered: the name or number of the request.
    NoSuchUser(String),
    /// No such group on this host, as NSS answered: the name or number of the request.
    NoSuchGroup(String),
    /// As many commands run and wait as the settings allow.
    Busy {
        /// The commands that run now.
        running: usize,
        /// The commands that wait for a place.
        queued: usize,
    },
    /// A step of the start failed.
    NotStarted(FailedStep),
    /// The agent shuts down and accepts no more commands.
    ShuttingDown,
}

/// A step between a request and its running command, and why it failed.
#[derive(Debug)]
pub struct FailedStep {
    /// The step: "user", "limits", "working directory", "shell" and the like.
    pub stage: &'static str,
    /// The path on which it failed, where there is one.
    pub path: Option<PathBuf>,
    /// The error from the system.
    pub source: io::Error,
}

impl StartError {
    /// A step that failed without a path to name.
    pub(crate) fn step(stage: &'static str, source: impl Into<io::Error>) -> Self {
        Self::NotStarted(FailedStep { stage, path: None, source: source.into() })
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidCommand { field, why } => write!(f, "{field} {why}"),
            Self::NoSuchUser(user) => write!(f, "no such user: {user}"),
            Self::NoSuchGroup(group) => write!(f, "no such group: {group}"),
            Self::Busy { running, queued } => {
                write!(f, "too busy: {running} commands running, {queued} queued; retry later")
            }
            Self::NotStarted(step) => write!(f, "cannot start the command: {step}"),
            Self::ShuttingDown => f.write_str("the agent is shutting down"),
        }
    }
}

impl fmt::Display for FailedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, path, source } = self;
        match path {
            Some(path) => write!(f, "{stage}: {}: {source}", path.display()),
            None => write!(f, "{stage}: {source}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted(step) => Some(step),
            Self::InvalidCommand { .. }
            | Self::NoSuchUser(_)
            | Self::NoSuchGroup(_)
            | Self::Busy { .. }
            | Self::ShuttingDown => None,
        }
    }
}

impl Error for FailedStep {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
