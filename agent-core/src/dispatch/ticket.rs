//! The requests that run: their ids, their cancelation, their number.

use super::failure::{Failure, Finished};
use super::reply;
use crate::audit::Entry;
use crate::caller::Replies;
use agent_wire::Retcode;
use agent_wire::message::Response;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The most requests that run or wait at once.
pub(super) const MAX_IN_FLIGHT: u32 = 4096;

/// Bytes that most replies fit in.
const SHORT_REPLY: usize = 128;

/// Resolves when the request is canceled, or to an error when that can no longer happen.
pub(super) type Cancelled = oneshot::Receiver<()>;

/// The task or reply that a request's id names, and whether the request gets a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    /// The request itself, while it runs; it gets a reply.
    Request,
    /// A task, for which two requests may come at once (§6); it gets a reply.
    Task,
    /// A task whose result the request acknowledges; it gets no reply.
    Acknowledgement,
}

type Ids = HashMap<String, Option<oneshot::Sender<()>>>;

/// Every request whose handler runs. An id is in use until its reply is about to go out.
pub(super) struct Running {
    ids: Arc<Mutex<Ids>>,
    places: Arc<Semaphore>,
}

impl Default for Running {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(MAX_IN_FLIGHT as usize));
        Self { ids: Arc::default(), places }
    }
}

impl Running {
    fn ids(&self) -> MutexGuard<'_, Ids> {
        lock(&self.ids)
    }

    /// Returns whether a request with this id runs.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids().contains_key(id)
    }

    /// Returns how many run.
    pub(super) fn count(&self) -> usize {
        self.ids().len()
    }

    /// Reserves a place for a request whose id is not in use.
    pub(super) fn enter(
        &self,
        id: &str,
        replies: &Replies,
        id_kind: IdKind,
    ) -> Result<(Ticket, Cancelled), Failure> {
        let place =
            self.places.clone().try_acquire_owned().map_err(|_| Failure::TooManyRequests)?;
        let (cancel, cancelled) = oneshot::channel();
        if id_kind == IdKind::Request {
            self.ids().insert(id.to_owned(), Some(cancel));
        }
        let ticket = Ticket {
            id: id.to_owned(),
            ids: self.ids.clone(),
            replies: replies.clone(),
            id_kind,
            entry: None,
            left: false,
            _place: place,
        };
        Ok((ticket, cancelled))
    }

    /// Cancels a request. Returns whether it runs; canceling twice is the same as once.
    pub(super) fn cancel(&self, id: &str) -> bool {
        match self.ids().get_mut(id) {
            Some(cancel) => {
                // A request that has just ended no longer listens; its reply is on the way.
                cancel.take().map(|cancel| cancel.send(()));
                true
            }
            None => false,
        }
    }

    /// Cancels every request.
    pub(super) fn cancel_all(&self) {
        for cancel in self.ids().values_mut().filter_map(Option::take) {
            let _ = cancel.send(());
        }
    }

    /// Returns once every ticket is back.
    pub(super) async fn drained(&self) {
        let _ = self.places.acquire_many(MAX_IN_FLIGHT).await;
    }
}

fn lock(ids: &Mutex<Ids>) -> MutexGuard<'_, Ids> {
    // Nothing under the lock can panic halfway through a change.
    ids.lock()
}

/// A running request's right and duty to reply.
pub(super) struct Ticket {
    id: String,
    ids: Arc<Mutex<Ids>>,
    replies: Replies,
    id_kind: IdKind,
    /// The request's audit entry, which the reply ends.
    pub(super) entry: Option<Entry>,
    left: bool,
    _place: OwnedSemaphorePermit,
}

impl Ticket {
    /// Hands the reply over. From here on the id is free for another request.
    pub(super) async fn reply(mut self, finished: Finished) {
        let response = match finished {
            Ok(response) => response,
            Err(failure) => reply::failed(&self.id, &failure, self.entry.as_mut()),
        };
        let written = self.written(&response);
        drop(response);
        if let Some((bytes, replies)) = written {
            // If the session has ended, the reply is dropped (§3).
            let _ = replies.send(bytes).await;
        }
    }

    /// Returns the reply's bytes and the queue for them. A function of its own, so that nothing
    /// else stays in memory while the reply waits.
    fn written(mut self, response: &Response) -> Option<(Vec<u8>, Replies)> {
        self.audit(response);
        self.leave();
        if self.id_kind == IdKind::Acknowledgement {
            return None;
        }
        let mut bytes = Vec::with_capacity(SHORT_REPLY);
        response.line(&mut bytes);
        Some((bytes, self.replies.clone()))
    }

    /// Ends the audit entry, before the reply goes out or when nobody is left to receive it.
    fn audit(&mut self, response: &Response) {
        let Some(entry) = self.entry.take() else { return };
        // Without a session, or without a reply, no session will flush the line.
        let unattended = self.replies.is_closed() || self.id_kind == IdKind::Acknowledgement;
        let audit = entry.end(response);
        if unattended {
            audit.flush();
        }
    }

    fn leave(&mut self) {
        self.left = true;
        if self.id_kind == IdKind::Request {
            lock(&self.ids).remove(&self.id);
        }
    }
}

impl Drop for Ticket {
    /// Replies for a handler that panicked.
    fn drop(&mut self) {
        if self.left {
            return;
        }
        self.leave();
        log::error!(
            "request {}: its handler ended without a reply",
            agent_wire::json::quote(&self.id)
        );
        let response =
            Response::failed(Some(&self.id), Retcode::Internal, "see the agent's log for this id");
        self.audit(&response);
        if self.id_kind == IdKind::Acknowledgement {
            return;
        }
        let mut bytes = Vec::new();
        response.line(&mut bytes);
        let _ = self.replies.try_send(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn a_handler_that_panics_still_gets_a_reply() {
        let running = Running::default();
        let (replies, mut waiting) = mpsc::channel(1);
        let (ticket, _cancelled) = running.enter("1", &replies, IdKind::Request).unwrap();
        let task = tokio::spawn(async move {
            let _ticket = ticket;
            panic!("a bug");
        });
        assert!(task.await.is_err());
        assert!(text(&waiting.recv().await.unwrap()).contains("3099"));
        assert!(!running.has("1"));
        running.drained().await;
    }

    #[tokio::test]
    async fn an_id_is_free_once_its_reply_goes_out() {
        let running = Running::default();
        let (replies, mut waiting) = mpsc::channel(1);
        let (ticket, cancelled) = running.enter("1", &replies, IdKind::Request).unwrap();
        assert!(running.has("1") && running.cancel("1") && running.cancel("1"));
        cancelled.await.unwrap();
        ticket.reply(Ok(Response::success("1", 0))).await;
        assert!(!running.has("1") && !running.cancel("1"));
        assert!(text(&waiting.recv().await.unwrap()).contains("success"));
    }

    #[tokio::test]
    async fn requests_beyond_the_bound_are_rejected() {
        let running = Running::default();
        let (replies, _waiting) = mpsc::channel(1);
        let tickets: Vec<_> = (0..MAX_IN_FLIGHT)
            .map(|n| running.enter(&n.to_string(), &replies, IdKind::Request).unwrap())
            .collect();
        assert!(running.enter("one more", &replies, IdKind::Request).is_err());
        assert_eq!(running.count(), tickets.len());
    }
}
