//! What the controller counts and measures, for Prometheus.

use super::problem::ApiError;
use super::service::Api;
use crate::agents::{Restriction, Session};
use crate::auth::Principal;
use crate::metrics::{self, Gauges, Process};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use controller_api::path;
use std::sync::Arc;

/// Shows what the controller counts, in the text format of OpenMetrics.
#[utoipa::path(
    get,
    path = path::METRICS,
    responses((
        status = 200,
        description = "Metrics, without a label per host",
        body = String,
        content_type = "application/openmetrics-text"
    ))
)]
pub(super) async fn show(_: Principal, State(api): State<Api>) -> Result<Response, ApiError> {
    let mut gauges = gauges(&api);
    gauges.ready = api.store.problem().await.is_none();
    let read = tokio::task::spawn_blocking(Process::read).await;
    gauges.process = read.unwrap_or_default();
    let text = metrics::text(&api.metrics, api.store.metrics(), &api.routes, gauges);
    Ok(Response::builder()
        .header(CONTENT_TYPE, metrics::CONTENT_TYPE)
        .body(Body::from(text))
        .expect("a status and one fixed header make a response"))
}

fn gauges(api: &Api) -> Gauges {
    let sessions = api.registry.everyone();
    Gauges {
        connected: by_state(&sessions),
        opening: api.permits.opening() as u64,
        requests_waiting: sessions.iter().map(|session| session.pending() as u64).sum(),
        outgoing_bytes: sessions.iter().map(|session| session.outgoing() as u64).sum(),
        store_queue_bytes: api.store.queued(),
        ..Gauges::default()
    }
}

/// Counts the sessions of each state.
fn by_state(sessions: &[Arc<Session>]) -> Vec<(&'static str, u64)> {
    let [mut active, mut pending, mut quarantined, mut clone] = [0; 4];
    for session in sessions {
        match session.restriction() {
            None => active += 1,
            Some(Restriction::Pending) => pending += 1,
            Some(Restriction::Quarantined(_)) => quarantined += 1,
            Some(Restriction::Clone(_)) => clone += 1,
        }
    }
    vec![("active", active), ("pending", pending), ("quarantined", quarantined), ("clone", clone)]
}
