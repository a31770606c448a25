//! [`Session`]: what callers hold of an agent's session, and the desk between them and the channel.

use super::stream::{OutputStream, StreamInput};
use super::{NoAnswer, Waiter};
use agent_wire::message::line;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

/// How many requests may wait for one agent's answers.
const MAX_WAITING: usize = 4096;

/// Bytes of requests that may wait for one agent's stream to take them.
const MAX_OUTGOING: usize = 8 << 20;

/// Bytes beyond that for what we have to say ourselves: acknowledgements and cancellations.
const MAX_OUTGOING_OWN: usize = 1 << 20;

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
    waiting: HashMap<String, Waiting>,
    /// The session is to close, or has ended: nothing is taken any more.
    closing: Option<Closing>,
}

/// Who waits for an answer.
enum Waiting {
    Answer(oneshot::Sender<String>),
    Output(StreamInput),
}

/// Why a session is to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// A newer session has its place, or it has ended already.
    Replaced,
    /// The agent shall come again and send what could not be stored before.
    Resend,
}

/// A request on its way.
pub(crate) struct Asked {
    /// Its id.
    pub(crate) id: String,
    /// The id is the client's choice, and another client's may be the same.
    pub(crate) chosen: bool,
    /// Its text, ended by `\n`.
    pub(crate) line: Vec<u8>,
}

impl fmt::Debug for Asked {
    /// Without the line, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("id", &self.id).field("chosen", &self.chosen).finish_non_exhaustive()
    }
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
    Close(Closing),
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

    /// Puts a request on its way.
    ///
    /// # Errors
    /// [`NoAnswer::Busy`] when a bound is reached, [`NoAnswer::Duplicate`] when its id is in use,
    /// [`NoAnswer::Disconnected`] when the session is over.
    pub(crate) fn ask(self: &Arc<Self>, asked: Asked) -> Result<Waiter, NoAnswer> {
        let (sender, receiver) = oneshot::channel();
        let (id, chosen) = (asked.id.clone(), asked.chosen);
        self.enter(asked, Waiting::Answer(sender))?;
        Ok(Waiter::new(Arc::clone(self), id, chosen, receiver))
    }

    /// Puts a request on its way whose output is wanted as it comes.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub(crate) fn stream(self: &Arc<Self>, asked: Asked) -> Result<OutputStream, NoAnswer> {
        let (stream, input) = OutputStream::new(Arc::clone(self), asked.id.clone());
        self.enter(asked, Waiting::Output(input))?;
        Ok(stream)
    }

    fn enter(&self, asked: Asked, waiting: Waiting) -> Result<(), NoAnswer> {
        let mut desk = self.lock();
        if desk.closing.is_some() {
            return Err(NoAnswer::Disconnected);
        }
        if desk.waiting.len() >= MAX_WAITING || desk.outgoing.len() + asked.line.len() > MAX_OUTGOING {
            return Err(NoAnswer::Busy);
        }
        match desk.waiting.entry(asked.id) {
            Entry::Occupied(_) => return Err(NoAnswer::Duplicate),
            Entry::Vacant(place) => place.insert(waiting),
        };
        desk.outgoing.extend_from_slice(&asked.line);
        drop(desk);
        self.wake.notify_one();
        Ok(())
    }

    /// Puts a line of our own on its way, which nobody waits for an answer to. It may be lost: when the
    /// agent does not read, or is gone.
    pub(crate) fn post(&self, line: &[u8]) {
        let mut desk = self.lock();
        if desk.closing.is_some() || desk.outgoing.len() + line.len() > MAX_OUTGOING + MAX_OUTGOING_OWN {
            return log::debug!("{}: a line of our own is left out", self.id);
        }
        desk.outgoing.extend_from_slice(line);
        drop(desk);
        self.wake.notify_one();
    }

    /// Ends a command that nobody waits for any more.
    pub(super) fn cancel(&self, id: &str) {
        self.forget(id);
        let mut bytes = Vec::new();
        let own = Uuid::new_v4().to_string();
        line(&serde_json::json!({ "id": own, "method": "sync.cancel", "target": id }), &mut bytes);
        self.post(&bytes);
    }

    /// How many requests wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Ends the session; who waits is told at once.
    pub(crate) fn close(&self) {
        self.close_because(Closing::Replaced);
    }

    /// Ends the session so that the agent comes again and sends what it keeps.
    pub(crate) fn close_to_resend(&self) {
        self.close_because(Closing::Resend);
    }

    fn close_because(&self, why: Closing) {
        let mut desk = self.lock();
        desk.closing.get_or_insert(why);
        let waiting = std::mem::take(&mut desk.waiting);
        desk.outgoing = Vec::new();
        drop(desk);
        drop(waiting);
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
        if let Some(why) = desk.closing {
            return Some(Fetched::Close(why));
        }
        let due = can_write && !desk.outgoing.is_empty();
        due.then(|| Fetched::Lines(std::mem::take(&mut desk.outgoing)))
    }

    /// Hands an answer to who waits for it; `false` when nobody does.
    pub(super) fn answer(&self, id: &str, text: impl FnOnce() -> String) -> bool {
        let waiting = self.lock().waiting.remove(id);
        match waiting {
            None => false,
            Some(Waiting::Answer(sender)) => sender.send(text()).is_ok(),
            Some(Waiting::Output(input)) => {
                input.answer(id, &text());
                true
            }
        }
    }

    /// Hands a frame with `bytes` of output to who wants it; `false` when nobody does.
    pub(super) fn output(&self, id: &str, text: impl FnOnce() -> String, bytes: u64) -> bool {
        match self.lock().waiting.get(id) {
            Some(Waiting::Output(input)) => {
                input.frame(id, &text(), bytes);
                true
            }
            _ => false,
        }
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&self, id: &str) {
        // Bound to a name: dropped after the lock is.
        let _waiting = self.lock().waiting.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        // Lines are appended whole and the map changes by one call: whole, whatever panicked.
        self.desk.lock()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::time::Duration;

    pub(crate) fn session() -> Arc<Session> {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        Arc::new(Session::new("host-1".to_owned(), address, None, SystemTime::UNIX_EPOCH))
    }

    fn asked(id: &str, line: &[u8]) -> Asked {
        Asked { id: id.to_owned(), chosen: false, line: line.to_owned() }
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_answer_the_session_or_the_time() {
        let session = session();
        let long = Duration::from_secs(60);
        let answered = session.ask(asked("1", b"{}\n")).unwrap();
        let late = session.ask(asked("2", b"{}\n")).unwrap();
        let lost = session.ask(asked("3", b"{}\n")).unwrap();
        assert!(session.answer("1", || "yes".to_owned()));
        assert!(!session.answer("1", || "again".to_owned()));
        assert_eq!(answered.answer(long).await, Ok("yes".to_owned()));
        assert_eq!(late.answer(Duration::ZERO).await, Err(NoAnswer::TimedOut));
        assert_eq!(session.waiting(), 1);
        session.close();
        assert_eq!(lost.answer(long).await, Err(NoAnswer::Disconnected));
        assert_eq!(session.ask(asked("4", b"{}\n")).unwrap_err(), NoAnswer::Disconnected);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_leaves_in_one_piece() {
        let session = session();
        let waiters: Vec<_> =
            (0..MAX_WAITING).map(|id| session.ask(asked(&id.to_string(), b"{}\n")).unwrap()).collect();
        assert_eq!(session.ask(asked("x", b"{}\n")).unwrap_err(), NoAnswer::Busy);
        let Fetched::Lines(lines) = session.fetch(true).await else { panic!("nothing to write") };
        assert_eq!(lines.len(), MAX_WAITING * 3);
        drop(waiters);
        assert_eq!(session.waiting(), 0);
        let big = vec![b'x'; MAX_OUTGOING];
        let _waiter = session.ask(asked("y", &big)).unwrap();
        assert_eq!(session.ask(asked("z", b"{}\n")).unwrap_err(), NoAnswer::Busy);
    }
}
