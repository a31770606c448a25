//! Why the controller cannot start or continue: one sentence that names the file, flag or address.
//!
//! A mistake of one peer or one request is not an error of the controller: [`crate::agents`] and
//! [`crate::api`] have their own types for that.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A reason to exit.
#[derive(Debug)]
pub(crate) enum Error {
    /// Flags are missing or do not go together.
    Flags(String),
    /// A file or directory cannot be read or written.
    File {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file's content cannot be used.
    Content {
        /// Its path.
        path: PathBuf,
        /// The fault and its remedy.
        why: String,
    },
    /// The database server cannot be used.
    Database {
        /// The database, without a password.
        database: String,
        /// The fault and its remedy.
        why: String,
    },
    /// A port cannot be opened.
    Bind {
        /// Its address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// A certificate cannot be made or used.
    Certificate(String),
    /// A system call failed that should not.
    System {
        /// The consequence, as in "cannot start the event loop".
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the file at `path` cannot be read or written.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: the content of the file at `path` cannot be used.
    pub(crate) fn content<E: fmt::Display>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |why| Self::Content { path, why: why.to_string() }
    }

    /// For `map_err`: a system call failed.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags(why) | Self::Certificate(why) => f.write_str(why),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Content { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Database { database, why } => write!(f, "{database}: {why}"),
            Self::Bind { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::System { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Bind { source, .. } | Self::System { source, .. } => {
                Some(source)
            }
            Self::Flags(_)
            | Self::Content { .. }
            | Self::Database { .. }
            | Self::Certificate(_) => None,
        }
    }
}
