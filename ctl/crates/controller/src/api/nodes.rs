//! The nodes of the controller: the processes that serve one site together.

use super::document::problems::problems;
use super::extract::Segments;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use super::times;
use crate::auth::Principal;
use crate::metrics::Process;
use crate::store::NodeRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use controller_api::{Node, NodeList, ProcessUse, path};
use fleet::Action;
use nix::unistd::gethostname;

problems! {
    /// The problems of a change to a node.
    Changing: NotFound, Conflict
}

/// Lists the nodes of the controller.
#[utoipa::path(
    get,
    path = path::NODES,
    responses((status = 200, description = "All nodes", body = NodeList))
)]
pub(super) async fn list(_: Principal, State(api): State<Api>) -> Result<Json<NodeList>, ApiError> {
    Ok(Json(NodeList { nodes: all(&api).await? }))
}

/// Reads a request to change a node.
pub(super) fn read_node(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::NodesManage).with_segment(given, "node"))
}

/// Sends the hosts of a node to the others, a hundred a second, and lets it take no new ones.
///
/// A host with requests that it has not answered goes when it has, or after a minute. The node keeps
/// answering the API. It stays drained when it is started again.
#[utoipa::path(
    post,
    path = path::NODE_DRAIN,
    params(path::NodePath),
    responses((status = 200, description = "The node", body = Node), Changing)
)]
pub(super) async fn drain(
    _: Principal,
    State(api): State<Api>,
    Segments(node): Segments<i32>,
) -> Result<Json<Node>, ApiError> {
    set_drained(&api, node, true).await
}

/// Lets a node take hosts again.
#[utoipa::path(
    post,
    path = path::NODE_RESUME,
    params(path::NodePath),
    responses((status = 200, description = "The node", body = Node), Changing)
)]
pub(super) async fn resume(
    _: Principal,
    State(api): State<Api>,
    Segments(node): Segments<i32>,
) -> Result<Json<Node>, ApiError> {
    set_drained(&api, node, false).await
}

/// Removes a node that has ended and will not come back. One that runs is rejected.
#[utoipa::path(
    delete,
    path = path::NODE,
    params(path::NodePath),
    responses((status = 204, description = "Removed"), Changing)
)]
pub(super) async fn remove(
    _: Principal,
    State(api): State<Api>,
    Segments(node): Segments<i32>,
) -> Result<StatusCode, ApiError> {
    api.store.remove_node(node).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_drained(api: &Api, node: i32, drained: bool) -> Result<Json<Node>, ApiError> {
    let row = api.store.drain(node, drained).await?;
    Ok(Json(shown(api, &row, None)))
}

/// Returns all nodes; of this one, also what its process uses.
///
/// # Errors
/// When this process cannot be measured.
pub(super) async fn all(api: &Api) -> Result<Vec<Node>, ApiError> {
    let process =
        tokio::task::spawn_blocking(Process::read).await.map_err(|_| ApiError::Internal)?;
    let process = ProcessUse {
        opening: api.permits.opening() as u64,
        memory: process.resident,
        processor_ms: process.cpu.as_millis().try_into().unwrap_or(u64::MAX),
        descriptors: process.descriptors,
        max_descriptors: process.max_descriptors,
    };
    let own = api.store.node();
    let rows = api.store.nodes().borrow().clone();
    if own.is_none() || rows.is_empty() {
        return Ok(vec![alone(api, process)]);
    }
    let process_of = |row: &NodeRow| (Some(row.number) == own).then(|| process.clone());
    Ok(rows.iter().map(|row| shown(api, row, process_of(row))).collect())
}

/// Returns this process as the only one.
fn alone(api: &Api, process: ProcessUse) -> Node {
    let about = &api.about;
    Node {
        number: None,
        name: gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        this: true,
        running: true,
        leads: true,
        drained: false,
        started: times::of(about.started),
        listen: about.listen.clone(),
        http: about.http.clone(),
        connected: api.registry.everyone().len() as u64,
        process: Some(process),
    }
}

fn shown(api: &Api, row: &NodeRow, process: Option<ProcessUse>) -> Node {
    let this = Some(row.number) == api.store.node();
    let card = &row.card;
    Node {
        number: Some(row.number),
        name: card.name.clone(),
        version: card.version.clone(),
        this,
        running: row.is_alive,
        leads: row.leads,
        drained: row.is_drained,
        started: times::text(row.started_at),
        listen: if this {
            api.about.listen.clone()
        } else {
            card.agents.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
        },
        http: if this { api.about.http.clone() } else { card.http.clone() },
        connected: if this { api.registry.count() as u64 } else { row.sessions.into() },
        process,
    }
}
