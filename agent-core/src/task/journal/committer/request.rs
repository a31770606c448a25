//! A request to the committer, and its answer.

use crate::task::journal::segment::frame_length;
use tokio::sync::oneshot;

/// What a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It may be refused, and leaves the reserve alone.
    New {
        /// Bytes of room that records which follow from it will need: reserved with it.
        then: u64,
    },
    /// It is what the reserve is for.
    Due,
    /// The same, and nobody waits for it.
    Patient,
}

/// Why nothing of a request is on the disk.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// There is no space.
    NoSpace(String),
    /// Too much waits already.
    Busy,
    /// The disk failed.
    Failed(String),
    /// The committer is closed.
    Closed,
}

pub(super) struct Request<R> {
    pub(super) records: Vec<R>,
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) need: Need,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What became of a request, and of those that went with it: the first of them passes it on to the others. So a batch
/// wakes the event loop once, not once for each, and what is answered together goes out together.
pub(super) struct Answer {
    pub(super) result: Result<(), Refused>,
    pub(super) others: Vec<oneshot::Sender<Answer>>,
}

impl Answer {
    /// Tells the others and gives what it is.
    pub(super) fn pass_on(self) -> Result<(), Refused> {
        for other in self.others {
            // Whoever has given up needs no answer.
            let _ = other.send(Self { result: self.result.clone(), others: Vec::new() });
        }
        self.result
    }
}

impl<R> Request<R> {
    /// Bytes of its frames.
    pub(super) fn length(&self) -> u64 {
        self.bytes.iter().map(|record| frame_length(record.len()) as u64).sum()
    }

    /// Bytes of room that what follows from it will need.
    pub(super) fn then(&self) -> u64 {
        match self.need {
            Need::New { then } => then,
            Need::Due | Need::Patient => 0,
        }
    }
}
