//! What the controller counts and measures, for Prometheus.

use super::probes;
use super::problem::ApiError;
use super::service::Api;
use crate::agents::{Restriction, Session};
use crate::auth::Principal;
use crate::metrics::{self, Gauges, Process};
use crate::store::milliseconds;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use controller_api::path;
use fleet::{DAY, UnixMillis};
use std::sync::Arc;
use std::time::SystemTime;

/// The times that hosts' certificates are counted by.
const WITHIN: [(&str, UnixMillis); 5] =
    [("1d", DAY), ("3d", 3 * DAY), ("7d", 7 * DAY), ("30d", 30 * DAY), ("+Inf", UnixMillis::MAX)];

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
    let gauges = gauges(&api).await?;
    let text = metrics::text(&api.metrics, api.store.metrics(), &api.routes, gauges);
    Ok(Response::builder()
        .header(CONTENT_TYPE, metrics::CONTENT_TYPE)
        .body(Body::from(text))
        .expect("a status and one fixed header make a response"))
}

/// Reads the gauges, which are not counted.
async fn gauges(api: &Api) -> Result<Gauges, ApiError> {
    let sessions = api.registry.everyone();
    let counts = api.store.counts();
    let (root, issuing, server) = api.ca.current().ends();
    let ends = [("root", Some(root)), ("issuing", Some(issuing)), ("server", server)];
    let audit_lines = api.store.newest_event().borrow().unsigned_abs();
    let process = tokio::task::spawn_blocking(Process::read).await;
    Ok(Gauges {
        connected: by_state(&sessions),
        hosts: vec![
            ("active", counts.active),
            ("pending", counts.pending),
            ("quarantined", counts.quarantined),
            ("banned", counts.banned),
        ],
        opening: api.permits.opening() as u64,
        requests_waiting: sessions.iter().map(|session| session.pending() as u64).sum(),
        active_runs: api.runs.gauges().active().0 as u64,
        run_targets: api.runs.gauges().targets(),
        outgoing_bytes: sessions.iter().map(|session| session.outgoing() as u64).sum(),
        store_queue_bytes: api.store.queued(),
        certificates: certificates(api).await?,
        ca_ends: ends.into_iter().filter_map(|(name, end)| Some((name, end?))).collect(),
        audit_lines,
        ready: probes::problem(api).await.is_none(),
        process: process.unwrap_or_default(),
    })
}

/// Counts the hosts whose certificate ends within each time.
async fn certificates(api: &Api) -> Result<Vec<(&'static str, u64)>, ApiError> {
    let now = milliseconds(SystemTime::now());
    let ends: Vec<_> = WITHIN.iter().map(|(_, time)| now.saturating_add(*time)).collect();
    let counts = api.store.certificates_ending(&ends).await?;
    Ok(WITHIN.iter().map(|(name, _)| *name).zip(counts).collect())
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
