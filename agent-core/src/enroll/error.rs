//! Why the host's enrolled identity cannot be used or changed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why an identity cannot be used or changed. Each message says what to do where the operator has
/// to.
#[derive(Debug)]
pub(crate) enum Error {
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another process changes the identity and does not end.
    Locked(PathBuf),
    /// A file in the folder holds something else than it should.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The server's certificate is not for this host and its key.
    Issued(&'static str),
    /// Keys and signatures fail.
    Crypto(&'static str),
    /// The host's certificate and CAs are files of `[tls]`, or the host has not joined.
    NotEnrolled,
    /// No channel is open over which a renewal could be asked for.
    NoChannel,
    /// The agent stops.
    Stopping,
}

impl Error {
    /// Returns the error of a file.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Locked(path) => write!(
                f,
                "{}: another process is changing this host's identity; try again when it has ended",
                path.display()
            ),
            Self::Damaged { path, why } => write!(
                f,
                "{}: {why}; join the host again: BasicAgent enroll --replace",
                path.display()
            ),
            Self::Issued(why) => write!(f, "the server's certificate for this host: {why}"),
            Self::Crypto(why) => f.write_str(why),
            Self::NotEnrolled => f.write_str(
                "this host's certificate does not come from the server, but from the files of [tls]",
            ),
            Self::NoChannel => f.write_str("no channel to a server is open"),
            Self::Stopping => f.write_str("the agent is shutting down"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Locked(_)
            | Self::Damaged { .. }
            | Self::Issued(_)
            | Self::Crypto(_)
            | Self::NotEnrolled
            | Self::NoChannel
            | Self::Stopping => None,
        }
    }
}
