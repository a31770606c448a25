//! A request to the committer, and its outcome.

use crate::task::journal::segment::frame_length;
use std::sync::Arc;
use std::{fmt, io};
use tokio::sync::oneshot;

/// The room and the urgency of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// It may be rejected, and leaves the reserve alone.
    New {
        /// Bytes of room that the records which follow from it will need; reserved with it.
        follow_up: u64,
    },
    /// It may use the reserve.
    Required,
    /// It may use the reserve, and nothing waits for it.
    Deferred,
}

/// Why none of a request's records is on the disk.
#[derive(Clone, Debug)]
pub(crate) enum CommitError {
    /// The disk has no space.
    NoSpace(Arc<io::Error>),
    /// Too many records wait already.
    Busy,
    /// The disk failed.
    Failed(Arc<io::Error>),
    /// The committer is closed: the agent is shutting down.
    Closed,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace(error) => write!(f, "no space: {error}"),
            Self::Busy => f.write_str("the disk does not keep up; retry later"),
            Self::Failed(error) => write!(f, "cannot write: {error}"),
            Self::Closed => f.write_str("closed, the agent is shutting down"),
        }
    }
}

impl std::error::Error for CommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoSpace(error) | Self::Failed(error) => Some(&**error),
            Self::Busy | Self::Closed => None,
        }
    }
}

/// Records that are to be committed together.
pub(super) struct Request<R> {
    pub(super) records: Vec<R>,
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) priority: Priority,
    pub(super) outcome: oneshot::Sender<Outcome>,
}

/// The outcome of a request, which the first requester of a batch passes on to the others. So a
/// batch wakes the event loop once instead of once per request, and replies go out together.
pub(super) struct Outcome {
    pub(super) result: Result<(), CommitError>,
    pub(super) others: Vec<oneshot::Sender<Outcome>>,
}

impl Outcome {
    /// Passes the outcome on to the others and returns it.
    pub(super) fn pass_on(self) -> Result<(), CommitError> {
        for other in self.others {
            // A requester that has given up needs no outcome.
            let _ = other.send(Self { result: self.result.clone(), others: Vec::new() });
        }
        self.result
    }
}

impl<R> Request<R> {
    /// Returns the bytes of its frames.
    pub(super) fn length(&self) -> u64 {
        self.bytes.iter().map(|record| frame_length(record.len()) as u64).sum()
    }

    /// Returns the bytes of room that the records which follow from it will need.
    pub(super) fn follow_up(&self) -> u64 {
        match self.priority {
            Priority::New { follow_up } => follow_up,
            Priority::Required | Priority::Deferred => 0,
        }
    }
}
