//! [`Session`]: what callers hold of an agent's session, and the desk between them and the channel.

use super::{NoAnswer, Waiter};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::{Notify, oneshot};

/// How many requests may wait for one agent's answers.
const MAX_WAITING: usize = 4096;

/// Bytes of requests that may wait for one agent's stream to take them.
const MAX_OUTGOING: usize = 8 << 20;

/// One agent's session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The host's identity, which its certificate names.
    pub(crate) id: String,
    /// Where it connected from.
    pub(crate) address: SocketAddr,
    /// What it says its version is.
    pub(crate) version: Option<String>,
    /// When it was accepted.
    pub(crate) connected_at: SystemTime,
    desk: Mutex<Desk>,
    /// The channel has something to fetch from the desk.
    wake: Notify,
}

#[derive(Default)]
struct Desk {
    /// Whole lines that the channel has not fetched yet.
    outgoing: Vec<u8>,
    /// Request id → who waits for the answer.
    waiting: HashMap<String, oneshot::Sender<String>>,
    /// The session is to close, or has ended: nothing is taken any more.
    closing: bool,
}

impl fmt::Debug for Desk {
    /// Numbers only: requests may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// What the channel finds on the desk.
pub(super) enum Fetched {
    Lines(Vec<u8>),
    Close,
}

impl Session {
    /// A session that has just been accepted.
    pub(crate) fn new(
        id: String,
        address: SocketAddr,
        version: Option<String>,
        connected_at: SystemTime,
    ) -> Self {
        Self { id, address, version, connected_at, desk: Mutex::default(), wake: Notify::new() }
    }

    /// Puts a request on its way: `line` is its text, ended by `\n`, with the id `id`.
    ///
    /// # Errors
    /// [`NoAnswer::Busy`] when a bound is reached, [`NoAnswer::Disconnected`] when the session is over.
    pub(crate) fn ask(self: &Arc<Self>, id: String, line: &[u8]) -> Result<Waiter, NoAnswer> {
        let (sender, receiver) = oneshot::channel();
        let mut desk = self.lock();
        if desk.closing {
            return Err(NoAnswer::Disconnected);
        }
        if desk.waiting.len() >= MAX_WAITING || desk.outgoing.len() + line.len() > MAX_OUTGOING {
            return Err(NoAnswer::Busy);
        }
        desk.outgoing.extend_from_slice(line);
        desk.waiting.insert(id.clone(), sender);
        drop(desk);
        self.wake.notify_one();
        Ok(Waiter::new(Arc::clone(self), id, receiver))
    }

    /// How many requests wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Ends the session; who waits is told at once.
    pub(crate) fn close(&self) {
        let mut desk = self.lock();
        desk.closing = true;
        desk.waiting = HashMap::new();
        desk.outgoing = Vec::new();
        drop(desk);
        self.wake.notify_one();
    }

    /// Waits until there is something for the channel to do; lines only if it `can_write`. Nothing is
    /// lost when this is given up half-way.
    pub(super) async fn fetch(&self, can_write: bool) -> Fetched {
        loop {
            if let Some(fetched) = self.look(can_write) {
                return fetched;
            }
            self.wake.notified().await;
        }
    }

    fn look(&self, can_write: bool) -> Option<Fetched> {
        let mut desk = self.lock();
        if desk.closing {
            return Some(Fetched::Close);
        }
        let due = can_write && !desk.outgoing.is_empty();
        due.then(|| Fetched::Lines(std::mem::take(&mut desk.outgoing)))
    }

    /// Hands an answer to who waits for it; `false` when nobody does.
    pub(super) fn answer(&self, id: &str, text: impl FnOnce() -> String) -> bool {
        let sender = self.lock().waiting.remove(id);
        sender.is_some_and(|sender| sender.send(text()).is_ok())
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&self, id: &str) {
        self.lock().waiting.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        // Lines are appended whole and the map changes by one call: whole, whatever panicked.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn session() -> Arc<Session> {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        Arc::new(Session::new("host-1".to_owned(), address, None, SystemTime::UNIX_EPOCH))
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_answer_the_session_or_the_time() {
        let session = session();
        let long = Duration::from_secs(60);
        let answered = session.ask("1".to_owned(), b"{}\n").unwrap();
        let late = session.ask("2".to_owned(), b"{}\n").unwrap();
        let lost = session.ask("3".to_owned(), b"{}\n").unwrap();
        assert!(session.answer("1", || "yes".to_owned()));
        assert!(!session.answer("1", || "again".to_owned()));
        assert_eq!(answered.answer(long).await, Ok("yes".to_owned()));
        assert_eq!(late.answer(Duration::ZERO).await, Err(NoAnswer::TimedOut));
        assert_eq!(session.waiting(), 1);
        session.close();
        assert_eq!(lost.answer(long).await, Err(NoAnswer::Disconnected));
        assert_eq!(session.ask("4".to_owned(), b"{}\n").unwrap_err(), NoAnswer::Disconnected);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_leaves_in_one_piece() {
        let session = session();
        let waiters: Vec<_> =
            (0..MAX_WAITING).map(|id| session.ask(id.to_string(), b"{}\n").unwrap()).collect();
        assert_eq!(session.ask("x".to_owned(), b"{}\n").unwrap_err(), NoAnswer::Busy);
        let Fetched::Lines(lines) = session.fetch(true).await else { panic!("nothing to write") };
        assert_eq!(lines.len(), MAX_WAITING * 3);
        drop(waiters);
        assert_eq!(session.waiting(), 0);
        let big = vec![b'x'; MAX_OUTGOING];
        let _waiter = session.ask("y".to_owned(), &big).unwrap();
        assert_eq!(session.ask("z".to_owned(), b"{}\n").unwrap_err(), NoAnswer::Busy);
    }
}
