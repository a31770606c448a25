//! Why the controller can't start or go on: one sentence each, naming the file, flag or address.
//!
//! What one peer or one request does wrong is no error of the controller: [`crate::agents::handshake`] and
//! [`crate::api`] have their own words for that.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Anything that ends the controller.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// Flags that do not go together.
    Flags(String),
    /// A file or directory that can't be read or written.
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file whose content can't be used.
    Content {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A port that can't be taken.
    Bind {
        /// Its address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate that can't be made or used.
    Certificate(String),
    /// A system call that should not fail.
    System(&'static str, io::Error),
}

impl Error {
    /// For `map_err`: an error of the file at `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: the file at `path` can't be used, for a reason of its own.
    pub(crate) fn content<E: fmt::Display>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |why| Self::Content { path, why: why.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags(why) | Self::Certificate(why) => f.write_str(why),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Content { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Bind { address, source } => write!(f, "can't listen on {address}: {source}"),
            Self::System(what, source) => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for Error {}
