//! The other end of one channel, a server or this host's root: who it is, and the two ways to it.
//!
//! Answers go first. What may be long and can wait, pieces of output and results of tasks, goes when no answer
//! waits to go out, so that a flood of output holds up no `agent.ping`.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Finished answers that wait for the channel; a handler with one more waits with it.
const MAX_WAITING_ANSWERS: usize = 64;

/// Pieces of output and results that wait for the channel.
const MAX_WAITING_BULK: usize = 1;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Whom TLS has verified.
    Controller {
        address: SocketAddr,
        /// The DNS names in its certificate.
        names: Vec<String>,
    },
    /// A process of this host's root, or of the agent's own user, as the kernel says.
    Local { pid: i32, uid: u32 },
}

impl Peer {
    /// The names that the policy knows it by; `None` for one that could edit the policy.
    pub(crate) fn names(&self) -> Option<&[String]> {
        match self {
            Self::Controller { names, .. } => Some(names),
            Self::Local { .. } => None,
        }
    }
}

/// One channel's other end. Its receivers may be gone: then the channel is, and what was for it is dropped (§5).
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) peer: Arc<Peer>,
    pub(crate) answers: mpsc::Sender<Vec<u8>>,
    pub(crate) bulk: mpsc::Sender<Vec<u8>>,
}

/// What the channel takes its lines from.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) answers: mpsc::Receiver<Vec<u8>>,
    pub(crate) bulk: mpsc::Receiver<Vec<u8>>,
}

impl Caller {
    /// For a channel that has just opened.
    pub(crate) fn new(peer: Peer) -> (Self, Outgoing) {
        let (answers, from_handlers) = mpsc::channel(MAX_WAITING_ANSWERS);
        let (bulk, from_streams) = mpsc::channel(MAX_WAITING_BULK);
        (
            Self { peer: Arc::new(peer), answers, bulk },
            Outgoing { answers: from_handlers, bulk: from_streams },
        )
    }

    /// Whether no request of its is being worked on.
    pub(crate) fn is_idle(&self) -> bool {
        self.answers.strong_count() == 1 && self.bulk.strong_count() == 1
    }

    /// The same, for a request whose answer must not overtake the lines it has sent before.
    pub(crate) fn in_order(&self) -> Self {
        Self { answers: self.bulk.clone(), ..self.clone() }
    }
}
