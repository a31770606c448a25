//! One request's wait for its reply.

use super::session::Session;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// The host is connected, but gets no request, for this reason.
    Withheld(Arc<str>),
    /// Too many requests are waiting already.
    Busy,
    /// A request with the same id is waiting already.
    Duplicate,
    /// The agent has disconnected. Whether it has started the request is unknown.
    Disconnected,
    /// The agent did not reply in time.
    TimedOut,
    /// The agent's reply cannot be read, for this reason.
    Invalid(Arc<str>),
    /// The controller is shutting down. Whether the agent has started the request is unknown.
    Stopping,
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withheld(why) => write!(f, "the host gets no request: {why}"),
            Self::Busy => f.write_str("too many requests are waiting for the host"),
            Self::Duplicate => f.write_str("a request with the same id is waiting already"),
            Self::Disconnected => f.write_str("the host disconnected before it answered"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Invalid(why) => write!(f, "the host's reply cannot be read: {why}"),
            Self::Stopping => f.write_str("the controller is shutting down"),
        }
    }
}

/// A request that has been sent or is about to be. Dropped early, it discards the reply.
#[derive(Debug)]
pub(crate) struct PendingReply {
    session: Arc<Session>,
    id: String,
    /// A reply may still come after the wait, and must not pass for that of a later request with
    /// the same id: the id stays taken until then.
    keep_id: bool,
    receiver: oneshot::Receiver<Result<String, NoReply>>,
}

impl PendingReply {
    pub(super) fn new(
        session: Arc<Session>,
        id: String,
        keep_id: bool,
        receiver: oneshot::Receiver<Result<String, NoReply>>,
    ) -> Self {
        Self { session, id, keep_id, receiver }
    }

    /// Waits for the reply and returns its JSON text, verbatim.
    ///
    /// # Errors
    /// [`NoReply`], except [`NoReply::Busy`] and [`NoReply::Duplicate`].
    pub(crate) async fn within(mut self, wait: Duration) -> Result<String, NoReply> {
        match tokio::time::timeout(wait, &mut self.receiver).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(self.session.end()),
            Err(_) => Err(NoReply::TimedOut),
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if !self.keep_id {
            self.session.forget(&self.id);
        }
    }
}
