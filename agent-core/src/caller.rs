//! The other end of a session, a controller or a process of this host's root: its identity, and the
//! two queues of lines for it.
//!
//! Replies go first. Output and results, which may be long and can wait, go when no reply waits, so
//! that a flood of output delays no `agent.ping`.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Finished replies that wait for the session; a handler with one more waits with it.
const MAX_WAITING_REPLIES: usize = 64;

/// Lines of output and results that wait for the session.
const MAX_WAITING_BULK: usize = 1;

/// A queue of whole lines for a caller.
pub(crate) type Replies = mpsc::Sender<Vec<u8>>;

/// The identity of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A controller that TLS has verified.
    Controller {
        address: SocketAddr,
        /// The DNS names in its certificate.
        names: Vec<String>,
    },
    /// A process of this host's root, or of the agent's own user, according to the kernel.
    Local { pid: i32, uid: u32 },
}

impl Peer {
    /// Returns the names by which the policy knows it; `None` for a process that could edit the
    /// policy.
    pub(crate) fn names(&self) -> Option<&[String]> {
        match self {
            Self::Controller { names, .. } => Some(names),
            Self::Local { .. } => None,
        }
    }
}

/// The caller of a session. When the session has ended, lines for the caller are dropped (§3).
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) peer: Arc<Peer>,
    /// For replies.
    pub(crate) replies: Replies,
    /// For output and results, and for a reply that must not overtake its own output.
    pub(crate) bulk: Replies,
}

/// The session's end of both queues.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) replies: mpsc::Receiver<Vec<u8>>,
    pub(crate) bulk: mpsc::Receiver<Vec<u8>>,
}

impl Caller {
    /// Creates the caller of a session that has just begun.
    pub(crate) fn new(peer: Peer) -> (Self, Outgoing) {
        let (replies, from_handlers) = mpsc::channel(MAX_WAITING_REPLIES);
        let (bulk, from_streams) = mpsc::channel(MAX_WAITING_BULK);
        (
            Self { peer: Arc::new(peer), replies, bulk },
            Outgoing { replies: from_handlers, bulk: from_streams },
        )
    }

    /// Returns how many hold a way to this caller: the session, what works as long as it lasts, and
    /// the requests that are being worked on.
    pub(crate) fn holders(&self) -> usize {
        self.replies.strong_count() + self.bulk.strong_count()
    }

    /// Returns whether no request of this caller is being worked on.
    pub(crate) fn is_idle(&self) -> bool {
        self.replies.strong_count() == 1 && self.bulk.strong_count() == 1
    }
}
