//! The bus: how the controllers of one site, its nodes, tell each other that there is something new.
//!
//! What is sent may get lost, and whoever may use the NATS server may send anything. So a message
//! decides nothing: it says that there is something to read in the database, where every node also
//! looks by itself after a while. Losing the bus costs time, nothing else. Only live output of
//! commands travels on the bus itself.
//!
//! [`LocalBus`] joins the parts of one process, [`NatsBus`] the processes of a site; both pass the
//! same `conformance` suite.

mod address;
#[cfg(test)]
mod conformance;
mod credentials;
mod local;
mod nats;
mod topic;

pub(crate) use address::BusAddress;
pub(crate) use local::LocalBus;
pub(crate) use nats::NatsBus;
pub(crate) use topic::Topic;

use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// Messages that may wait for one listener; it loses further ones, and is told so.
const MAX_WAITING: usize = 1024;

/// Bytes of a message. A NATS server takes as many unless its `max_payload` says otherwise.
pub(crate) const MAX_MESSAGE: usize = 1 << 20;

/// A way to every node.
#[async_trait]
pub(crate) trait Bus: fmt::Debug + Send + Sync {
    /// Sends a message of at most [`MAX_MESSAGE`] bytes to whoever listens to a topic now, in this
    /// process too. It gets lost while the bus is away or has no room.
    fn send(&self, topic: &Topic, message: Vec<u8>);

    /// Listens to a topic from now on. A message that another node sends before the server has heard
    /// of it may be missed.
    async fn listen(&self, topic: &Topic) -> Box<dyn Listener>;

    /// Returns what is wrong with the bus at present.
    fn problem(&self) -> Option<String>;

    /// Sends what waits, and ends every listening.
    async fn close(&self);
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message.
    Message(Arc<[u8]>),
    /// Messages may have been lost since the last one. This comes first, too, since nobody knows what
    /// was sent before.
    Missed,
    /// The bus is closed.
    Closed,
}

/// The end at which the messages of one topic arrive. Dropped, it ends.
#[async_trait]
pub(crate) trait Listener: fmt::Debug + Send {
    /// Waits for what there is to hear next. Dropped half-way, it loses nothing.
    async fn hear(&mut self) -> Heard;
}
