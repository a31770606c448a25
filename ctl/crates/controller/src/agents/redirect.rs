//! The decision on each `init`: accept the agent here, or redirect it.
//!
//! It is made twice for one agent, before TLS and inside it. `--redirect-to` sends every agent away. A
//! node that is drained sends them to the others, and one that has far more sessions than another one
//! sends them to those with fewer.

use crate::store::NodeRow;
use agent_wire::message::InitReply;
use agent_wire::{AddressError, parse_list};
use std::sync::Arc;
use tokio::sync::watch;

/// Sessions that a node may have beyond twice those of another one.
const SPARE: usize = 10;

/// Nodes that an agent is told of.
const MOST: usize = 5;

/// A list of addresses that agents are redirected to, as the wire has it.
#[derive(Clone, Debug)]
pub(crate) struct Redirect(String);

impl Redirect {
    /// Checks a comma-separated list.
    ///
    /// # Errors
    /// When an agent would reject it.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        parse_list(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the list.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What decides.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Where every agent is sent.
    pub(crate) given: Option<Redirect>,
    /// This node's number; `None` of the only controller.
    pub(crate) own: Option<i32>,
    /// All nodes, as they were known at the last renewal.
    pub(crate) nodes: watch::Receiver<Arc<[NodeRow]>>,
}

impl Rule {
    /// Returns the reply to an agent's `init`; `here` counts the sessions of this node.
    pub(super) fn decide(&self, here: usize) -> InitReply {
        if let Some(Redirect(server)) = &self.given {
            return InitReply::Redirect { server: server.clone() };
        }
        let others = self.own.and_then(|own| better(&self.nodes.borrow(), own, here));
        match others {
            Some(server) => InitReply::Redirect { server },
            None => InitReply::Accept,
        }
    }
}

/// Returns the nodes that agents are sent to, those with the fewest sessions first; `None` where they
/// may stay.
fn better(nodes: &[NodeRow], own: i32, here: usize) -> Option<String> {
    let is_drained = nodes.iter().any(|node| node.number == own && node.is_drained);
    let takes = |node: &&NodeRow| {
        node.number != own && node.is_alive && !node.is_drained && !node.card.agents.is_empty()
    };
    let mut others: Vec<&NodeRow> = nodes.iter().filter(takes).collect();
    others.sort_by_key(|node| (node.sessions, node.number));
    let fewest = others.first()?.sessions as usize;
    if !is_drained && here <= 2 * fewest + SPARE {
        return None;
    }
    let list: Vec<&str> = others.iter().take(MOST).map(|node| &*node.card.agents).collect();
    Some(list.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NodeCard;

    fn node(number: i32, sessions: u32) -> NodeRow {
        let card = NodeCard {
            id: String::new(),
            name: String::new(),
            version: String::new(),
            agents: format!("n{number}"),
            http: String::new(),
        };
        let (is_alive, leads, is_drained) = (true, false, false);
        NodeRow { number, card, is_alive, leads, is_drained, sessions, started_at: 0 }
    }

    #[test]
    fn agents_go_where_there_are_far_fewer() {
        let nodes = [node(1, 0), node(2, 100), node(3, 40), node(4, 60)];
        assert_eq!(better(&nodes, 1, 90), None);
        assert_eq!(better(&nodes, 1, 91).as_deref(), Some("n3,n4,n2"));
        assert_eq!(better(&nodes[..1], 1, 1000), None, "it is the only one");
        let mut drained = nodes.clone();
        drained[0].is_drained = true;
        assert_eq!(better(&drained, 1, 0).as_deref(), Some("n3,n4,n2"));
        drained[2].is_alive = false;
        drained[3].is_drained = true;
        assert_eq!(better(&drained, 1, 0).as_deref(), Some("n2"));
        drained[1].is_drained = true;
        assert_eq!(better(&drained, 1, 0), None, "nobody takes them");
    }
}
