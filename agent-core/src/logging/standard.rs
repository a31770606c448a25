//! Standard output and standard error as the place of a log.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

/// One of the process's own two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    Output,
    Error,
}

impl Standard {
    /// Returns the output that a path stands for. The log uses the existing descriptor, because a
    /// second open of `/dev/stdout` fails on a socket, and loses O_APPEND and the position in a
    /// file.
    pub(crate) fn named(path: &Path) -> Option<Self> {
        match path.to_str()? {
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Self::Output),
            "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Self::Error),
            _ => None,
        }
    }

    /// Returns a second descriptor of this output.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(crate) fn descriptor(self) -> io::Result<OwnedFd> {
        // The standard library opens /dev/null where a program starts without them.
        match self {
            Self::Output => io::stdout().as_fd().try_clone_to_owned(),
            Self::Error => io::stderr().as_fd().try_clone_to_owned(),
        }
    }
}
