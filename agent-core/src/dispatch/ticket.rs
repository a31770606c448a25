//! Requests that are running: their ids, how to cancel them, how many there may be.

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

/// Requests that run or wait at once, whatever their kind.
pub(super) const MAX_IN_FLIGHT: u32 = 4096;

/// Bytes that most replies fit in.
const SHORT_ANSWER: usize = 128;

/// Resolves when the request is to be given up; never, when the other end is gone without a word.
pub(super) type Cancelled = oneshot::Receiver<()>;

/// What a request's id is, and whether it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    /// Its own, while it runs; answered.
    Request,
    /// That of a task, which may be asked for twice at once (§6); answered.
    Task,
    /// That of a task; itself an answer, and so not answered.
    Acknowledgement,
}

type Ids = HashMap<String, Option<oneshot::Sender<()>>>;

/// Every request that has a task. An id stands here until its answer is about to go out.
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

    /// Whether a request of this id is running.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids().contains_key(id)
    }

    /// How many are running.
    pub(super) fn count(&self) -> usize {
        self.ids().len()
    }

    /// Takes a place for a request whose id is not running.
    pub(super) fn enter(
        &self,
        id: &str,
        replies: &Replies,
        id_kind: IdKind,
    ) -> Result<(Ticket, Cancelled), Failure> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Failure::TooManyRequests)?;
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

    /// Tells a request to give up. Whether there is one; telling twice is the same as once.
    pub(super) fn cancel(&self, id: &str) -> bool {
        match self.ids().get_mut(id) {
            Some(cancel) => {
                // A request that ended in this moment no longer listens; its answer is on its way.
                cancel.take().map(|cancel| cancel.send(()));
                true
            }
            None => false,
        }
    }

    /// Tells every request to give up.
    pub(super) fn cancel_all(&self) {
        for cancel in self.ids().values_mut().filter_map(Option::take) {
            let _ = cancel.send(());
        }
    }

    /// Returns once every ticket has been given back.
    pub(super) async fn drained(&self) {
        let _ = self.places.acquire_many(MAX_IN_FLIGHT).await;
    }
}

fn lock(ids: &Mutex<Ids>) -> MutexGuard<'_, Ids> {
    // Nothing under the lock can panic halfway through a change.
    ids.lock()
}

/// One running request's right and duty to answer.
pub(super) struct Ticket {
    id: String,
    ids: Arc<Mutex<Ids>>,
    replies: Replies,
    id_kind: IdKind,
    /// The request's line in the audit log, which the answer ends.
    pub(super) entry: Option<Entry>,
    left: bool,
    _place: OwnedSemaphorePermit,
}

impl Ticket {
    /// Hands the answer over. The id is free for another request from here on.
    pub(super) async fn reply(mut self, finished: Finished) {
        let response = match finished {
            Ok(response) => response,
            Err(failure) => reply::failed(&self.id, &failure, self.entry.as_mut()),
        };
        let written = self.written(&response);
        drop(response);
        if let Some((bytes, replies)) = written {
            // The channel is gone: the answer is dropped with it (§5).
            let _ = replies.send(bytes).await;
        }
    }

    /// The answer's bytes and where they go. Apart from the waiting, so that what waits is no more than that.
    fn written(mut self, response: &Response) -> Option<(Vec<u8>, Replies)> {
        self.audit(response);
        self.leave();
        if self.id_kind == IdKind::Acknowledgement {
            return None;
        }
        let mut bytes = Vec::with_capacity(SHORT_ANSWER);
        response.line(&mut bytes);
        Some((bytes, self.replies.clone()))
    }

    /// Before the answer goes out, and also when nobody is left to take it.
    fn audit(&mut self, response: &Response) {
        let Some(entry) = self.entry.take() else { return };
        // No channel will write the line before it sends the answer: there is none any more, or no answer.
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
    /// A handler that panicked still owes an answer.
    fn drop(&mut self) {
        if self.left {
            return;
        }
        self.leave();
        log::error!("request {}: its handler ended without an answer", agent_wire::json::quote(&self.id));
        let response = Response::failed(Some(&self.id), Retcode::Internal, "see the agent's log for this id");
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
    async fn a_handler_that_panics_still_replies() {
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
    async fn an_id_is_free_once_its_answer_goes_out() {
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
    async fn no_more_than_the_bound_are_let_in() {
        let running = Running::default();
        let (replies, _waiting) = mpsc::channel(1);
        let tickets: Vec<_> = (0..MAX_IN_FLIGHT)
            .map(|n| running.enter(&n.to_string(), &replies, IdKind::Request).unwrap())
            .collect();
        assert!(running.enter("one more", &replies, IdKind::Request).is_err());
        assert_eq!(running.count(), tickets.len());
    }
}
