//! A way to a host's agent, wherever its channel is.

use super::post::{Post, Ticket};
use super::reply::{NoReply, PendingReply};
use super::session::{AgentRequest, Session};
use std::sync::Arc;
use std::time::Duration;

/// A way to a host's agent.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// Its channel is here.
    Here(Arc<Session>),
    /// Another node has it.
    Elsewhere(Elsewhere),
}

/// A host whose channel another node has.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(super) post: Arc<Post>,
    pub(super) host: String,
    /// The node.
    pub(crate) node: i32,
}

/// A request that has been sent, and its wait for a reply.
#[derive(Debug)]
pub(crate) struct Asked {
    at: At,
    wait: Duration,
}

#[derive(Debug)]
enum At {
    Here(PendingReply),
    Elsewhere(Ticket),
}

impl Reach {
    /// Sends an operator's request, whose reply is waited for so long.
    ///
    /// # Errors
    /// As [`Session::ask`]; of a host elsewhere, they may come in place of the reply.
    pub(crate) fn ask(&self, request: AgentRequest, wait: Duration) -> Result<Asked, NoReply> {
        let at = match self {
            Self::Here(session) => At::Here(session.ask(request)?),
            Self::Elsewhere(Elsewhere { post, host, node }) => {
                At::Elsewhere(post.ask(*node, host, &request, wait)?)
            }
        };
        Ok(Asked { at, wait })
    }
}

impl Asked {
    /// Waits for the reply and returns its JSON text, verbatim.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn reply(self) -> Result<String, NoReply> {
        match self.at {
            At::Here(pending) => pending.within(self.wait).await,
            At::Elsewhere(ticket) => ticket.within(self.wait).await,
        }
    }
}
