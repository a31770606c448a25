//! A result on its way to the disk.

use agent_wire::message::EventKind;
use std::fmt;

/// What a queued result costs beside its text, in bytes: ids, queue, acknowledgement.
const OVERHEAD: usize = 1 << 10;

/// KiB of results that may wait for the database, over all sessions; [`Results::put`] waits beyond
/// that.
///
/// [`Results::put`]: super::Results::put
pub(in crate::store) const MAX_QUEUED_KIB: u32 = 32 << 10;

/// Bytes of results in one transaction; a single result may be larger.
pub(in crate::store) const MAX_BATCH_BYTES: usize = 8 << 20;

/// Returns the digest by which a result that comes again is known.
pub(in crate::store) fn digest_of(event: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, event.as_bytes()).as_ref());
    digest
}

/// An `async.result` or `cron.result` that is to be stored.
pub(crate) struct Arrival {
    /// The id of the host that delivered it.
    pub(crate) host: String,
    /// The kind of event.
    pub(crate) kind: EventKind,
    /// The task's id.
    pub(crate) task: String,
    /// The event's JSON text, verbatim.
    pub(crate) event: String,
    /// Reports the outcome to the sender.
    pub(crate) acknowledgement: Acknowledgement,
}

impl Arrival {
    /// Returns the bytes of memory that the arrival occupies, approximately.
    pub(super) fn size(&self) -> usize {
        self.event.len() + OVERHEAD
    }
}

impl fmt::Debug for Arrival {
    /// Leaves out the event: output may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("host", &self.host)
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The result is on disk: the sender may forget it.
    Stored,
    /// The result could not be stored, but storing works again now: the sender should redeliver
    /// everything that has not been acknowledged.
    Redeliver,
}

/// Reports an arrival's outcome to its sender, once. Dropped, it reports nothing: the sender keeps
/// the result and redelivers it on its next connection.
pub(crate) struct Acknowledgement(Box<dyn FnOnce(Outcome) + Send>);

impl Acknowledgement {
    /// Makes an acknowledgement that calls `report`, which must not block.
    pub(crate) fn new(report: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Box::new(report))
    }

    /// Reports the outcome.
    pub(super) fn report(self, outcome: Outcome) {
        (self.0)(outcome);
    }
}

impl fmt::Debug for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acknowledgement(…)")
    }
}
