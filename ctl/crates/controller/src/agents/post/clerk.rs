//! The clerk: writes the letters that wait, and reads those that have come.

use super::letter::{self, Head};
use super::{Answer, Answers, Post, Reply, live};
use crate::agents::registry::Registry;
use crate::agents::reply::NoReply;
use crate::agents::session::{AgentRequest, CloseReason, Session};
use crate::bus::{Heard, Topic};
use crate::stop::Stop;
use crate::store::{Letter, Store, StoreError};
use fleet::Digest;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

/// Letters that are written at once.
const AT_ONCE: usize = 256;

/// Bytes of letters that are written at once, unless one alone has more.
const BYTES: usize = 8 << 20;

/// Questions of other nodes that are being answered.
const MAX_ANSWERING: usize = 16 << 10;

/// Questions of other nodes that are remembered: one whose writer did not hear that it is written comes
/// once more.
const REMEMBERED: usize = 64 << 10;

/// The longest wait at a stop for answers that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The wait before letters that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Who has asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// Names the question.
    pub(super) ticket: Uuid,
    /// The node.
    pub(super) node: i32,
}

/// Questions of other nodes.
#[derive(Debug, Default)]
struct Answering {
    tasks: JoinSet<()>,
    /// The tasks of those that may be forgotten.
    tickets: HashMap<Uuid, AbortHandle>,
    /// The last ones that came, oldest first.
    remembered: VecDeque<Uuid>,
    known: HashSet<Uuid>,
}

impl Answering {
    /// Returns whether a question is to be answered: it comes for the first time, and there is room; its
    /// asker hears of it where there is none.
    fn admits(&mut self, asker: Asker, post: &Post) -> bool {
        if !self.is_new(asker.ticket) {
            return false;
        }
        let has_room = self.tasks.len() < MAX_ANSWERING;
        if !has_room {
            asker.tell(post, Err(NoReply::Busy));
        }
        has_room
    }

    /// Returns whether a question comes for the first time, and remembers it.
    fn is_new(&mut self, ticket: Uuid) -> bool {
        if !self.known.insert(ticket) {
            return false;
        }
        self.remembered.push_back(ticket);
        if self.remembered.len() > REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// The task.
pub(crate) struct Clerk {
    own: i32,
    post: Arc<Post>,
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    answers: Arc<dyn Answers>,
    outgoing: mpsc::Receiver<Letter>,
}

impl Asker {
    /// Sends the answer.
    pub(super) fn tell(self, post: &Post, answer: Result<Reply, NoReply>) {
        let Self { ticket, node } = self;
        match answer {
            Ok(Reply { text, output }) => {
                post.answer(node, &Head::Reply { ticket, output }, text.as_bytes());
            }
            Err(why) => post.answer(node, &Head::NoReply { ticket, why: why.into() }, &[]),
        }
    }
}

impl Clerk {
    /// Makes the clerk of a node's office.
    pub(crate) fn new(
        (post, outgoing): (Arc<Post>, mpsc::Receiver<Letter>),
        registry: Arc<Registry>,
        store: Arc<dyn Store>,
        answers: Arc<dyn Answers>,
    ) -> Self {
        Self { own: post.own, post, registry, store, answers, outgoing }
    }

    /// Works until the controller stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let mut mail = self.post.bus.listen(&Topic::Mail(self.own)).await;
        let mut beats = self.store.beats();
        let mut answering = Answering::default();
        loop {
            tokio::select! {
                letter = self.outgoing.recv() => match letter {
                    Some(letter) => self.write(letter, &mut stop).await,
                    None => break,
                },
                heard = mail.hear() => match heard {
                    Heard::Message(_) | Heard::Missed => {
                        self.read(&mut answering).await;
                    }
                    Heard::Closed => break,
                },
                // A message on the bus may be lost.
                beat = beats.changed() => {
                    if beat.is_err() {
                        break;
                    }
                    self.read(&mut answering).await;
                }
                Some(_) = answering.tasks.join_next() => {}
                () = stop.requested() => break,
            }
        }
        self.end(answering, stop).await;
    }

    /// Sends the answers that are under way, as far as they come soon.
    async fn end(mut self, mut answering: Answering, mut stop: Stop) {
        let end = Instant::now() + LAST_ANSWERS;
        while let Ok(Some(_)) = timeout_at(end, answering.tasks.join_next()).await {}
        while let Ok(letter) = self.outgoing.try_recv() {
            self.write(letter, &mut stop).await;
        }
    }

    /// Writes a letter, and those that wait with it, however long that takes.
    async fn write(&mut self, first: Letter, stop: &mut Stop) {
        let mut bytes = first.body.len();
        let mut letters = vec![first];
        while letters.len() < AT_ONCE
            && bytes < BYTES
            && let Ok(letter) = self.outgoing.try_recv()
        {
            bytes += letter.body.len();
            letters.push(letter);
        }
        let to: BTreeSet<i32> = letters.iter().map(|letter| letter.to).collect();
        while let Err(error) = self.store.post(letters.clone()).await {
            if let StoreError::Conflict(why) = error {
                // Asked once more, it would be the same. Whoever waits for an answer waits in vain.
                return log::error!("letters to other nodes are lost: {why}");
            }
            log::warn!("letters to other nodes wait for the database: {error}");
            tokio::select! {
                () = sleep(RETRY) => {}
                () = stop.requested() => return,
            }
        }
        for node in to {
            self.post.bus.send(&Topic::Mail(node), Vec::new());
        }
    }

    /// Reads the letters that have come.
    async fn read(&self, answering: &mut Answering) {
        loop {
            let letters = match self.store.take_letters().await {
                Ok(letters) => letters,
                // The next renewal of the lease lets it look again.
                Err(error) => {
                    return log::debug!("cannot read the letters of other nodes: {error}");
                }
            };
            if letters.is_empty() {
                return;
            }
            for letter in &letters {
                match letter::read(letter) {
                    Some((head, text)) => self.take(head, text, answering),
                    None => log::warn!("a letter of another node cannot be read: is it newer?"),
                }
            }
            answering.tickets.retain(|_, task| !task.is_finished());
        }
    }

    fn take(&self, head: Head, text: &[u8], answering: &mut Answering) {
        match head {
            Head::Reply { ticket, output } => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.post.answered(ticket, Answer::Reply(Reply { text, output }));
            }
            Head::NoReply { ticket, why } => {
                self.post.answered(ticket, Answer::NoReply(why.into()));
            }
            Head::Gone { ticket } => self.post.answered(ticket, Answer::Gone),
            Head::Answers { ticket, address } => {
                self.post.answered(ticket, Answer::Answers(address));
            }
            Head::Forget { ticket } => {
                if let Some(task) = answering.tickets.remove(&ticket) {
                    task.abort();
                }
            }
            Head::Ask { ticket, from, host, id, client_chose_id, wait, stream } => {
                let request = AgentRequest { id, client_chose_id, line: text.to_vec() };
                let (asker, wait) = (Asker { ticket, node: from }, Duration::from_millis(wait));
                if !answering.admits(asker, &self.post) {
                    return;
                }
                let (post, session) = (Arc::clone(&self.post), self.registry.find(&host));
                let task = if stream {
                    answering.tasks.spawn(live::forward(post, session, asker, request, wait))
                } else {
                    answering.tasks.spawn(ask(post, session, asker, request, wait))
                };
                answering.tickets.insert(ticket, task);
            }
            Head::Query { ticket, from, query } => {
                let asker = Asker { ticket, node: from };
                if !answering.admits(asker, &self.post) {
                    return;
                }
                let (post, answers) = (Arc::clone(&self.post), Arc::clone(&self.answers));
                let task = answering.tasks.spawn(async move {
                    let text = answers.answer(query).await;
                    asker.tell(&post, Ok(Reply { text, output: 0 }));
                });
                answering.tickets.insert(ticket, task);
            }
            Head::Probe { ticket, from, host, boot, key } => {
                let (post, registry) = (Arc::clone(&self.post), Arc::clone(&self.registry));
                answering.tasks.spawn(async move {
                    let head = match is_beside(&registry, &host, boot.as_deref(), key).await {
                        Some(address) => Head::Answers { ticket, address },
                        None => Head::Gone { ticket },
                    };
                    post.answer(from, &head, &[]);
                });
            }
        }
    }
}

/// Asks a host's agent for another node.
async fn ask(
    post: Arc<Post>,
    session: Option<Arc<Session>>,
    asker: Asker,
    request: AgentRequest,
    wait: Duration,
) {
    let reply = match session {
        None => Err(NoReply::Disconnected),
        Some(session) => match session.ask(request) {
            Ok(reply) => reply.within(wait).await,
            Err(why) => Err(why),
        },
    };
    asker.tell(&post, reply.map(|text| Reply { text, output: 0 }));
}

/// Returns the address of a host's agent here that is beside a newer one elsewhere; closes the session
/// of one that is not.
async fn is_beside(
    registry: &Registry,
    host: &str,
    boot: Option<&str>,
    key: Digest,
) -> Option<String> {
    let session = registry.find(host)?;
    let address = session.is_beside(boot, key).await;
    if address.is_none() {
        session.close_because(CloseReason::Replaced);
    }
    address
}
