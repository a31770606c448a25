//! Clones that are connected to other nodes, which those know.

use super::service::Api;
use crate::agents::Query;
use controller_api::HostClone;
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;

/// The wait for a node's answer, beyond its way.
const ANSWER: Duration = Duration::from_secs(2);

/// Returns the clones of a host at the node that has it, if that node has any clones.
pub(super) async fn clones_elsewhere(api: &Api, host: &str) -> Vec<HostClone> {
    let Some(node) = api.registry.node_of(host) else { return Vec::new() };
    if !nodes_with_clones(api).contains(&node) {
        return Vec::new();
    }
    let query = Query::ClonesOf { host: host.to_owned() };
    ask(api, node, query).await.unwrap_or_default()
}

/// Returns the clones at all other nodes, by host.
pub(super) async fn all_clones_elsewhere(api: &Api) -> BTreeMap<String, Vec<HostClone>> {
    let nodes = nodes_with_clones(api);
    let answers = join_all(nodes.into_iter().map(|node| ask(api, node, Query::Clones))).await;
    let answers = answers.into_iter().flatten();
    let mut all: BTreeMap<String, Vec<HostClone>> = BTreeMap::new();
    for (host, clones) in answers.flat_map(|of_a_node: BTreeMap<_, Vec<_>>| of_a_node) {
        all.entry(host).or_default().extend(clones);
    }
    all
}

/// Returns the other nodes that have said that they have clones.
fn nodes_with_clones(api: &Api) -> Vec<i32> {
    let own = api.store.node();
    let nodes = api.store.nodes();
    let nodes = nodes.borrow();
    let has = nodes.iter().filter(|node| node.is_alive && node.clones > 0);
    has.map(|node| node.number).filter(|number| Some(*number) != own).collect()
}

async fn ask<T: DeserializeOwned>(api: &Api, node: i32, query: Query) -> Option<T> {
    let answer = api.registry.query(node, query, ANSWER).await;
    answer.inspect_err(|why| log::warn!("node {node} has not said which clones it has: {why}")).ok()
}
