//! Why boot failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

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
                write!(f, "cannot start {}: {source}{}", program.display(), hint(program, source))
            }
            Self::System { call, source } => write!(f, "{call}: {source}"),
        }
    }
}

/// Returns the cause of an error of execve(2) that its text does not tell.
fn hint(program: &Path, error: &io::Error) -> &'static str {
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::ENOEXEC => {
            "; the file is empty, truncated or built for another kind of processor: install it again"
        }
        Errno::ENOENT if program.exists() => {
            "; the file exists, but the program loader that it names does not: install the file that \
             was built for this system"
        }
        _ => "",
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
