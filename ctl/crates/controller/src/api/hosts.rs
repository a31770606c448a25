//! The connected hosts.

use super::document::problems::problems;
use super::extract::Segments;
use super::problem::ApiError;
use super::service::Api;
use crate::agents::Session;
use crate::auth::Principal;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use controller_api::{Host, HostList, HostState, Issuer, path};
use std::collections::BTreeMap;

problems! {
    /// The problems of one host.
    OneHost: HostNotConnected
}

/// Lists the connected hosts.
#[utoipa::path(
    get,
    path = path::HOSTS,
    responses((status = 200, description = "Every connected host, ordered by id", body = HostList))
)]
pub(super) async fn list(_: Principal, State(api): State<Api>) -> Result<Response, ApiError> {
    let hosts = api.registry.all().iter().map(|session| host(session)).collect();
    let text = serde_json::to_string(&HostList { hosts, next: None }).expect("texts go to memory");
    api.respond(text).await
}

/// Shows a connected host.
#[utoipa::path(
    get,
    path = path::HOST,
    params(path::HostPath),
    responses((status = 200, description = "The host", body = Host), OneHost)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Json<Host>, ApiError> {
    let session = api.registry.find(&id).ok_or(ApiError::HostNotConnected(id))?;
    Ok(Json(host(&session)))
}

fn host(session: &Session) -> Host {
    Host {
        id: session.host.clone(),
        state: HostState::Active,
        state_reason: None,
        labels: BTreeMap::new(),
        connected: true,
        address: Some(session.address),
        version: session.version.clone(),
        connected_at: Some(humantime::format_rfc3339_seconds(session.connected_at).to_string()),
        last_seen: None,
        enrolled_at: None,
        token: None,
        generation: None,
        certificate_not_after: None,
        issuer: Issuer::Foreign,
        ca_version: None,
        requests_running: session.pending() as u64,
        clones: Vec::new(),
    }
}
