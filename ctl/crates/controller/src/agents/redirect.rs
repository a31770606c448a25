//! The decision on each `init`: accept the agent here, or redirect it.
//!
//! It is made twice for one agent, before TLS and inside it. `--redirect-to` sends every agent away. A
//! node that is drained sends them to the others. One that has too many sessions does not: whether
//! agents reach another node, no node knows. It sends some away that it has (`balance`), which come back
//! if they find nobody else.

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

    /// Returns the list; an address without a port gets this one.
    pub(crate) fn with_port(&self, port: u16) -> String {
        let list = parse_list(&self.0).unwrap_or_default();
        let list = list.into_iter().map(|at| at.socket(port).to_string());
        list.collect::<Vec<_>>().join(",")
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
    /// Returns the reply to an agent's `init`.
    pub(super) fn decide(&self) -> InitReply {
        if let Some(Redirect(server)) = &self.given {
            return InitReply::Redirect { server: server.clone() };
        }
        let server = self.own.and_then(|own| {
            let nodes = self.nodes.borrow();
            let others = others(&nodes, own);
            is_drained(&nodes, own).then(|| list(&others)).flatten()
        });
        match server {
            Some(server) => InitReply::Redirect { server },
            None => InitReply::Accept,
        }
    }

    /// Returns where agents reach another node; `None` where it takes none.
    pub(super) fn addresses(&self, node: i32) -> Option<String> {
        let nodes = self.nodes.borrow();
        let others = others(&nodes, self.own?);
        others.iter().find(|other| other.number == node).map(|other| other.card.agents.clone())
    }

    /// Returns the other nodes that take agents, as a redirect lists them; `None` where there are none.
    pub(super) fn others(&self) -> Option<String> {
        list(&others(&self.nodes.borrow(), self.own?))
    }
}

/// Returns the other nodes that take agents, those with the fewest sessions first.
pub(super) fn others(nodes: &[NodeRow], own: i32) -> Vec<&NodeRow> {
    let takes = |node: &&NodeRow| {
        // Agents reject a list with anything else in it.
        let is_reached = parse_list(&node.card.agents).is_ok();
        node.number != own && node.is_alive && !node.is_drained && is_reached
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
            agents: format!("10.0.0.{number}"),
            http: String::new(),
        };
        let (is_alive, leads, is_drained) = (true, false, false);
        NodeRow { number, card, is_alive, leads, is_drained, sessions, clones: 0, started_at: 0 }
    }

    fn redirected(nodes: &[NodeRow]) -> Option<String> {
        let (_sender, nodes) = watch::channel(Arc::from(nodes));
        match (Rule { given: None, own: Some(1), nodes }).decide() {
            InitReply::Redirect { server } => Some(server),
            _ => None,
        }
    }

    #[test]
    fn agents_of_a_drained_node_go_to_those_that_have_the_fewest() {
        let mut nodes = [node(1, 0), node(2, 100), node(3, 40), node(4, 60)];
        assert_eq!(redirected(&nodes), None);
        nodes[0].is_drained = true;
        assert_eq!(redirected(&nodes).as_deref(), Some("10.0.0.3,10.0.0.4,10.0.0.2"));
        nodes[2].is_alive = false;
        nodes[3].is_drained = true;
        assert_eq!(redirected(&nodes).as_deref(), Some("10.0.0.2"));
        nodes[1].card.agents = "a-name:7443".to_owned();
        assert_eq!(redirected(&nodes), None, "nobody takes them");
    }

    #[test]
    fn an_address_without_a_port_gets_that_of_the_node() {
        let given = Redirect::parse("10.0.0.1, 10.0.0.2:8443,[fd00::1]").unwrap();
        assert_eq!(given.with_port(7000), "10.0.0.1:7000,10.0.0.2:8443,[fd00::1]:7000");
    }
}
