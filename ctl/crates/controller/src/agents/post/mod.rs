//! Requests to hosts whose channels other nodes have.
//!
//! A question goes as a letter (`letter`) to the node that has the host; its clerk asks the session
//! there, and sends the answer back. Letters are rows of the database, so losing the bus delays them
//! and nothing else; the bus only says that there are some, and carries output as it arrives.

mod clerk;
mod letter;
mod live;
mod query;

pub(crate) use clerk::Clerk;
pub(crate) use query::{Answers, Query};

use super::reply::NoReply;
use super::session::AgentRequest;
use super::stream::OutputStream;
use crate::bus::{Bus, Topic};
use crate::store::Letter;
use fleet::Digest;
use letter::{Head, write};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Letters that may wait to be written.
const MAX_WAITING: usize = 16 << 10;

/// How much longer than the other node this one waits: the way there and back, without the bus.
const WAY: Duration = Duration::from_secs(10);

/// The longest wait for the answer whether an agent is still there: its node waits for 5 s.
const PROBE: Duration = Duration::from_secs(8);

/// What comes back.
#[derive(Debug)]
enum Answer {
    Reply(Reply),
    NoReply(NoReply),
    Gone,
    Answers(String),
}

/// A reply.
#[derive(Debug)]
struct Reply {
    text: String,
    /// Bytes of output that were sent before it.
    output: u64,
}

/// The office: letters that go out, and questions that wait for their answers.
#[derive(Debug)]
pub(crate) struct Post {
    own: i32,
    bus: Arc<dyn Bus>,
    outgoing: mpsc::Sender<Letter>,
    questions: Mutex<HashMap<Uuid, Question>>,
}

#[derive(Debug)]
struct Question {
    /// The node that was asked.
    node: i32,
    answer: oneshot::Sender<Answer>,
}

/// A question's wait for its answer; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Ticket {
    post: Arc<Post>,
    ticket: Uuid,
    node: i32,
    answer: oneshot::Receiver<Answer>,
    /// The other node waits for a reply, too.
    waits_there: bool,
}

impl Post {
    /// Makes the office of a node, and the end from which its clerk takes letters.
    pub(crate) fn new(own: i32, bus: Arc<dyn Bus>) -> (Arc<Self>, mpsc::Receiver<Letter>) {
        let (outgoing, letters) = mpsc::channel(MAX_WAITING);
        (Arc::new(Self { own, bus, outgoing, questions: Mutex::default() }), letters)
    }

    /// Asks a host's agent at another node.
    ///
    /// # Errors
    /// [`NoReply::Busy`] when too many letters wait.
    pub(crate) fn ask(
        self: &Arc<Self>,
        node: i32,
        host: &str,
        request: &AgentRequest,
        wait: Duration,
    ) -> Result<Ticket, NoReply> {
        self.question(node, self.head(host, request, wait, false), &request.line)
    }

    /// Asks a host's agent at another node, and receives its output over the bus as it arrives.
    ///
    /// # Errors
    /// As [`Post::ask`].
    pub(super) async fn stream(
        self: &Arc<Self>,
        node: i32,
        host: &str,
        request: AgentRequest,
        wait: Duration,
    ) -> Result<OutputStream, NoReply> {
        let ticket = Uuid::new_v4();
        // First: nothing of it is missed.
        let pieces = self.bus.listen(&Topic::Output(ticket)).await;
        let head = self.head(host, &request, wait, true);
        let ticket = self.question_as(ticket, node, head, &request.line)?;
        let id = request.id;
        Ok(OutputStream::received(id.clone(), |input| {
            tokio::spawn(live::receive(ticket, pieces, input, id, wait + WAY))
        }))
    }

    /// Returns the head of a question to an agent.
    fn head(
        &self,
        host: &str,
        request: &AgentRequest,
        wait: Duration,
        stream: bool,
    ) -> impl FnOnce(Uuid) -> Head {
        let (from, host, id) = (self.own, host.to_owned(), request.id.clone());
        let client_chose_id = request.client_chose_id;
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        move |ticket| Head::Ask { ticket, from, host, id, client_chose_id, wait, stream }
    }

    /// Asks the node that had a host last whether its agent answers, which makes way if not.
    pub(crate) async fn probe(
        self: &Arc<Self>,
        node: i32,
        host: &str,
        boot: Option<&str>,
        key: Digest,
    ) -> Option<String> {
        let (from, host, boot) = (self.own, host.to_owned(), boot.map(str::to_owned));
        let head = |ticket| Head::Probe { ticket, from, host, boot, key };
        let mut ticket = self.question(node, head, &[]).ok()?;
        ticket.waits_there = false;
        match tokio::time::timeout(PROBE, &mut ticket.answer).await {
            Ok(Ok(Answer::Answers(address))) => Some(address),
            // A node that does not answer has the host no longer.
            _ => None,
        }
    }

    fn question(
        self: &Arc<Self>,
        node: i32,
        head: impl FnOnce(Uuid) -> Head,
        text: &[u8],
    ) -> Result<Ticket, NoReply> {
        self.question_as(Uuid::new_v4(), node, head, text)
    }

    fn question_as(
        self: &Arc<Self>,
        ticket: Uuid,
        node: i32,
        head: impl FnOnce(Uuid) -> Head,
        text: &[u8],
    ) -> Result<Ticket, NoReply> {
        let body = write(&head(ticket), text);
        let (sender, answer) = oneshot::channel();
        self.questions.lock().insert(ticket, Question { node, answer: sender });
        let post = Arc::clone(self);
        let ticket = Ticket { post, ticket, node, answer, waits_there: true };
        match self.outgoing.try_send(Letter { to: node, body }) {
            Ok(()) => Ok(ticket),
            Err(mpsc::error::TrySendError::Full(_)) => Err(NoReply::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(NoReply::Stopping),
        }
    }

    /// Answers a question of another node. Where there is no room for the answer, its asker waits in
    /// vain.
    fn answer(&self, to: i32, head: &Head, text: &[u8]) {
        if self.outgoing.try_send(Letter { to, body: write(head, text) }).is_err() {
            log::warn!("an answer to node {to} is lost: too many letters wait for the database");
        }
    }

    /// Hands an answer to whoever waits for it.
    fn answered(&self, ticket: Uuid, answer: Answer) {
        if let Some(question) = self.questions.lock().remove(&ticket) {
            // Nobody may wait anymore.
            let _ = question.answer.send(answer);
        }
    }

    /// Ends the questions to a node that has gone.
    pub(super) fn node_has_gone(&self, node: i32) {
        let mut questions = self.questions.lock();
        let gone: Vec<Uuid> = questions
            .iter()
            .filter(|(_, question)| question.node == node)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in gone {
            if let Some(question) = questions.remove(&ticket) {
                // As above.
                let _ = question.answer.send(Answer::NoReply(NoReply::Disconnected));
            }
        }
    }
}

impl Ticket {
    /// Waits for the reply and returns its JSON text, verbatim.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn within(mut self, wait: Duration) -> Result<String, NoReply> {
        let answer = tokio::time::timeout(wait + WAY, &mut self.answer).await;
        if answer.is_ok() {
            self.waits_there = false;
        }
        match answer {
            Ok(Ok(Answer::Reply(reply))) => Ok(reply.text),
            Ok(Ok(Answer::NoReply(why))) => Err(why),
            Ok(Ok(Answer::Gone | Answer::Answers(_))) => {
                Err(NoReply::Invalid("another node answered another question".into()))
            }
            Ok(Err(_)) => Err(NoReply::Stopping),
            Err(_) => Err(NoReply::TimedOut),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.post.questions.lock().remove(&self.ticket);
        if self.waits_there {
            let head = Head::Forget { ticket: self.ticket };
            // A node that does not hear of it waits as long as it was told.
            let _ = self.post.outgoing.try_send(Letter { to: self.node, body: write(&head, &[]) });
        }
    }
}
