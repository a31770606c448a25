//! Questions to other nodes of what only they know: sessions are in memory.

use super::letter::Head;
use super::{NoReply, Post};
use async_trait::async_trait;
use fleet::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A question to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Query {
    /// The hosts that have clones there, with these.
    Clones,
    /// The clones of a host there.
    ClonesOf {
        /// The host.
        host: String,
    },
    /// To carry out what an operator has settled about a host there and its clones.
    Settled {
        /// The host.
        host: String,
        /// Its key.
        key: Option<Digest>,
        /// [`fleet::identity::Settled::renew`].
        renew: bool,
        /// [`fleet::identity::Settled::reset_others`].
        reset_others: bool,
    },
    /// To look at the schedules of hosts there.
    Schedules {
        /// The change of schedules that the node must have heard of.
        generation: i64,
        /// The hosts.
        hosts: Vec<String>,
        /// How long it may take, in seconds.
        within: u64,
    },
}

/// Answers questions of other nodes.
#[async_trait]
pub(crate) trait Answers: Send + Sync {
    /// Returns the answer: JSON.
    async fn answer(&self, query: Query) -> String;
}

impl Post {
    /// Asks another node, whose answer is waited for so long beyond its way.
    ///
    /// # Errors
    /// Why there is no answer that can be read.
    pub(crate) async fn query<T: DeserializeOwned>(
        self: &Arc<Self>,
        node: i32,
        query: Query,
        wait: Duration,
    ) -> Result<T, NoReply> {
        let from = self.own;
        let ticket = self.question(node, |ticket| Head::Query { ticket, from, query }, &[])?;
        let text = ticket.within(wait).await?;
        serde_json::from_str(&text).map_err(|error| NoReply::Invalid(error.to_string().into()))
    }
}
