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
pub(super) const SPARE: usize = 10;

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
        let server = self.own.and_then(|own| {
            let nodes = self.nodes.borrow();
            let others = others(&nodes, own);
            (is_drained(&nodes, own) || has_far_more(&others, here)).then(|| list(&others)).flatten()
        });
        match server {
            Some(server) => InitReply::Redirect { server },
            None => InitReply::Accept,
        }
    }

    /// Returns the other nodes that take agents, as a redirect lists them; `None` where there are none.
    pub(super) fn others(&self) -> Option<String> {
        list(&others(&self.nodes.borrow(), self.own?))
    }
}

/// Returns the other nodes that take agents, those with the fewest sessions first.
pub(super) fn others(nodes: &[NodeRow], own: i32) -> Vec<&NodeRow> {
    let takes = |node: &&NodeRow| {
        node.number != own && node.is_alive && !node.is_drained && !node.card.agents.is_empty()
    };
    let mut others: Vec<&NodeRow> = nodes.iter().filter(takes).collect();
    others.sort_by_key(|node| (node.sessions, node.number));
    others
}

/// Returns whether an operator wants a node to have no agents.
pub(super) fn is_drained(nodes: &[NodeRow], own: i32) -> bool {
    nodes.iter().any(|node| node.number == own && node.is_drained)
}

/// Returns whether a node with so many sessions has far more than one of the others.
pub(super) fn has_far_more(others: &[&NodeRow], here: usize) -> bool {
    others.first().is_some_and(|other| here > 2 * other.sessions as usize + SPARE)
}

fn list(others: &[&NodeRow]) -> Option<String> {
    let list: Vec<&str> = others.iter().take(MOST).map(|node| &*node.card.agents).collect();
    (!list.is_empty()).then(|| list.join(","))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::NodeCard;

    /// Returns a node that is alive.
    pub(in crate::agents) fn node(number: i32, sessions: u32) -> NodeRow {
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

    fn redirected(nodes: &[NodeRow], here: usize) -> Option<String> {
        let (_sender, nodes) = watch::channel(Arc::from(nodes));
        match (Rule { given: None, own: Some(1), nodes }).decide(here) {
            InitReply::Redirect { server } => Some(server),
            _ => None,
        }
    }

    #[test]
    fn agents_go_where_there_are_far_fewer() {
        let nodes = [node(1, 0), node(2, 100), node(3, 40), node(4, 60)];
        assert_eq!(redirected(&nodes, 90), None);
        assert_eq!(redirected(&nodes, 91).as_deref(), Some("n3,n4,n2"));
        assert_eq!(redirected(&nodes[..1], 1000), None, "it is the only one");
        let mut drained = nodes.clone();
        drained[0].is_drained = true;
        assert_eq!(redirected(&drained, 0).as_deref(), Some("n3,n4,n2"));
        drained[2].is_alive = false;
        drained[3].is_drained = true;
        assert_eq!(redirected(&drained, 0).as_deref(), Some("n2"));
        drained[1].is_drained = true;
        assert_eq!(redirected(&drained, 0), None, "nobody takes them");
    }
}
