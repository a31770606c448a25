//! Why boot failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A failure of the launcher. Each message names the file, program or system call.
#[derive(Debug)]
pub(super) enum Error {
    /// A file cannot be opened, read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another launcher holds the pid file.
    AlreadyRunning {
        /// The file, as an absolute path.
        pid_file: PathBuf,
        /// The pid in the file, if there is one.
        pid: Option<u32>,
    },
    /// The pid file or the log is something that boot does not touch.
    Refused {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The agent cannot be started.
    Start {
        /// The agent's path.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A system call without a path failed.
    System {
        /// The call's name.
        call: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::AlreadyRunning { pid_file, pid: Some(pid) } => {
                write!(f, "already running as pid {pid} (it holds {})", pid_file.display())
            }
            Self::AlreadyRunning { pid_file, pid: None } => {
                write!(f, "already running: another process holds {}", pid_file.display())
            }
            Self::Refused { path, why } => write!(f, "{}: refused: {why}", path.display()),
            Self::Start { program, source } => {
                write!(f, "cannot start {}: {source}", program.display())
            }
            Self::System { call, source } => write!(f, "{call}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. }
            | Self::Start { source, .. }
            | Self::System { source, .. } => Some(source),
            Self::AlreadyRunning { .. } | Self::Refused { .. } => None,
        }
    }
}
