//! One request's wait for its answer. Whoever drops it half-way has stopped waiting.

use super::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Too many requests wait already.
    Busy,
    /// A request with the same id waits already.
    Duplicate,
    /// The agent is gone. Whether it has begun with the request is not known.
    Disconnected,
    /// It took too long.
    TimedOut,
}

/// A request that is on its way.
#[derive(Debug)]
pub(crate) struct Waiter {
    session: Arc<Session>,
    id: String,
    /// The answer may still come, and must not pass for that of another request with the id.
    keep_id: bool,
    receiver: oneshot::Receiver<String>,
}

impl Waiter {
    pub(super) fn new(
        session: Arc<Session>,
        id: String,
        keep_id: bool,
        receiver: oneshot::Receiver<String>,
    ) -> Self {
        Self { session, id, keep_id, receiver }
    }

    /// The answer's JSON text, as the agent wrote it.
    ///
    /// # Errors
    /// [`NoAnswer::Disconnected`] or [`NoAnswer::TimedOut`].
    pub(crate) async fn answer(mut self, within: Duration) -> Result<String, NoAnswer> {
        match tokio::time::timeout(within, &mut self.receiver).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(_)) => Err(NoAnswer::Disconnected),
            Err(_) => Err(NoAnswer::TimedOut),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if !self.keep_id {
            self.session.forget(&self.id);
        }
    }
}
