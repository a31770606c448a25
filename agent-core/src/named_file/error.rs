//! Why a named file cannot be used.

use nix::errno::Errno;
use std::fmt;
use std::io;
use std::time::Duration;

/// A file that cannot be used. The message does not repeat its path.
#[derive(Debug)]
pub(crate) enum Error {
    /// It cannot be opened or read.
    System(io::Error),
    /// It is something that the agent does not read; the reason.
    Refused(String),
    /// It did not answer for this long; `None`: an earlier reader of it still hangs.
    Silent { since: Option<Duration> },
}

impl Error {
    /// Returns whether there is no such file.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::System(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl Error {
    /// Returns whether the file may be readable later as it is: its share or disk does not answer.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Silent { .. } => true,
            Self::System(error) => !matches!(
                error.raw_os_error().map(Errno::from_raw),
                Some(Errno::ENOENT | Errno::EACCES | Errno::ENOTDIR | Errno::ELOOP)
            ),
            Self::Refused(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => error.fmt(f),
            Self::Refused(why) => f.write_str(why),
            Self::Silent { since: Some(time) } => {
                write!(f, "no answer in {} s; is it on a dead share?", time.as_secs())
            }
            Self::Silent { since: None } => {
                f.write_str("an earlier attempt to read it still hangs; is it on a dead share?")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::Refused(_) | Self::Silent { .. } => None,
        }
    }
}
