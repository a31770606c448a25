//! Why there is no answer, in one line for people; the kind decides the exit status.

use std::fmt;
use std::io;

/// Anything that keeps an answer from being printed.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// Whoever was asked says that it failed.
    Failed(String),
    /// Nobody could be asked.
    NotAsked(String),
    /// The host could not be asked now: it is not connected, or has too much to do.
    Away(String),
    /// The host may have been asked, but its answer is lost.
    Unanswered(String),
    /// The answer is there, but could not be written.
    Output(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::NotAsked(why) | Self::Away(why) | Self::Unanswered(why) => {
                f.write_str(why)
            }
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl std::error::Error for Error {}
