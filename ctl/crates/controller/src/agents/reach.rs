//! A way to a host's agent, wherever its channel is.

use super::peer::Restriction;
use super::post::{Post, Ticket};
use super::reply::{NoReply, PendingReply};
use super::session::{AgentRequest, Session};
use super::stream::OutputStream;
use fleet::Digest;
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

impl Elsewhere {
    /// As [`Session::is_beside`]; an agent that is not makes way.
    pub(super) async fn is_beside(&self, boot: Option<&str>, key: Digest) -> Option<String> {
        self.post.probe(self.node, &self.host, boot, key).await
    }
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

impl Reach {
    /// Sends an operator's request and returns its output as it arrives.
    ///
    /// # Errors
    /// As [`Session::stream`]; of a host elsewhere, they may come in place of the reply.
    pub(crate) async fn stream(
        &self,
        request: AgentRequest,
        wait: Duration,
    ) -> Result<OutputStream, NoReply> {
        match self {
            Self::Here(session) => session.stream(request),
            Self::Elsewhere(Elsewhere { post, host, node }) => {
                post.stream(*node, host, request, wait).await
            }
        }
    }

    /// Returns why the host gets no request, as far as this node knows: another node says so in its
    /// answer.
    pub(crate) fn restriction(&self) -> Option<Restriction> {
        match self {
            Self::Here(session) => session.restriction(),
            Self::Elsewhere(_) => None,
        }
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
