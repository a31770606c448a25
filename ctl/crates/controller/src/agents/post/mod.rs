//! Requests to hosts whose channels other nodes have.
//!
//! A question goes as a letter (`letter`) to the node that has the host; its clerk asks the session
//! there, and sends the answer back. Letters are rows of the database, so losing the bus delays them
//! and nothing else; the bus only says that there are some, and carries output as it arrives.

mod clerk;
mod letter;

pub(crate) use clerk::Clerk;

use super::reply::NoReply;
use super::session::AgentRequest;
use crate::store::Letter;
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

/// What comes back.
#[derive(Debug)]
enum Answer {
    Reply(String),
    NoReply(NoReply),
    Gone,
    Answers(String),
}

/// The office: letters that go out, and questions that wait for their answers.
#[derive(Debug)]
pub(crate) struct Post {
    own: i32,
    outgoing: mpsc::Sender<Letter>,
    questions: Mutex<HashMap<String, Question>>,
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
    ticket: String,
    node: i32,
    answer: oneshot::Receiver<Answer>,
    /// The other node waits for a reply, too.
    waits_there: bool,
}

impl Post {
    /// Makes the office of a node, and the end from which its clerk takes letters.
    pub(crate) fn new(own: i32) -> (Arc<Self>, mpsc::Receiver<Letter>) {
        let (outgoing, letters) = mpsc::channel(MAX_WAITING);
        (Arc::new(Self { own, outgoing, questions: Mutex::default() }), letters)
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
        let head = |ticket| Head::Ask {
            ticket,
            from: self.own,
            host: host.to_owned(),
            id: request.id.clone(),
            client_chose_id: request.client_chose_id,
            wait: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            stream: false,
        };
        self.question(node, head, &request.line, true)
    }

    /// Asks the node that had a host last whether its agent answers, which makes way if not.
    pub(crate) async fn probe(
        self: &Arc<Self>,
        node: i32,
        host: &str,
        (boot, key): (Option<&str>, String),
        wait: Duration,
    ) -> Option<String> {
        let head = |ticket| Head::Probe {
            ticket,
            from: self.own,
            host: host.to_owned(),
            boot: boot.map(str::to_owned),
            key,
        };
        let mut ticket = self.question(node, head, &[], false).ok()?;
        match tokio::time::timeout(wait, &mut ticket.answer).await {
            Ok(Ok(Answer::Answers(address))) => Some(address),
            // A node that does not answer has the host no longer.
            _ => None,
        }
    }

    fn question(
        self: &Arc<Self>,
        node: i32,
        head: impl FnOnce(String) -> Head,
        text: &[u8],
        waits_there: bool,
    ) -> Result<Ticket, NoReply> {
        let ticket = Uuid::new_v4().simple().to_string();
        let body = write(&head(ticket.clone()), text);
        let (sender, answer) = oneshot::channel();
        self.questions.lock().insert(ticket.clone(), Question { node, answer: sender });
        let ticket = Ticket { post: Arc::clone(self), ticket, node, answer, waits_there };
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
    fn answered(&self, ticket: &str, answer: Answer) {
        if let Some(question) = self.questions.lock().remove(ticket) {
            // Nobody may wait anymore.
            let _ = question.answer.send(answer);
        }
    }

    /// Ends the questions to a node that has gone.
    pub(super) fn node_has_gone(&self, node: i32) {
        let mut questions = self.questions.lock();
        let gone: Vec<String> = questions
            .iter()
            .filter(|(_, question)| question.node == node)
            .map(|(ticket, _)| ticket.clone())
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
            Ok(Ok(Answer::Reply(text))) => Ok(text),
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
            let head = Head::Forget { ticket: self.ticket.clone(), from: self.post.own };
            // A node that does not hear of it waits as long as it was told.
            let _ = self.post.outgoing.try_send(Letter { to: self.node, body: write(&head, &[]) });
        }
    }
}
