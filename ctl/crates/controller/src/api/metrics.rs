//! What the controller counts and measures, for Prometheus.

use super::problem::ApiError;
use super::service::Api;
use crate::auth::Principal;
use crate::metrics::{self, Gauges, Process};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use controller_api::path;

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
    let sessions = api.registry.all();
    Gauges {
        connected: vec![("active", sessions.len() as u64)],
        opening: api.permits.opening() as u64,
        requests_waiting: sessions.iter().map(|session| session.pending() as u64).sum(),
        outgoing_bytes: sessions.iter().map(|session| session.outgoing() as u64).sum(),
        store_queue_bytes: api.store.queued(),
        ..Gauges::default()
    }
}
