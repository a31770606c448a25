//! What a monitor asks, without a token.

use super::document::problems::problems;
use super::problem::ApiError;
use super::service::{Api, json};
use crate::identity::seconds;
use axum::extract::State;
use axum::response::Response;
use controller_api::{Health, HealthStatus, path};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

problems! {
    /// The problem of a controller that cannot do all of its work.
    Unready: NotReady
}

/// Says that the controller runs.
#[utoipa::path(
    get,
    path = path::HEALTH,
    responses((status = 200, description = "It runs", body = Health))
)]
pub(super) async fn health() -> Response {
    answer(HealthStatus::Ok)
}

/// Says whether the controller can do all of its work.
///
/// It stores and reads, there is room for more, and its own certificates are valid.
#[utoipa::path(
    get,
    path = path::READY,
    responses((status = 200, description = "It can", body = Health), Unready)
)]
pub(super) async fn ready(State(api): State<Api>) -> Result<Response, ApiError> {
    match problem(&api).await {
        None => Ok(answer(HealthStatus::Ready)),
        Some(why) => Err(ApiError::NotReady(why)),
    }
}

fn answer(status: HealthStatus) -> Response {
    json(serde_json::to_string(&Health { status }).expect("texts go to memory"))
}

/// Returns why the controller cannot do all of its work, if it cannot.
pub(super) async fn problem(api: &Api) -> Option<String> {
    if let Some(why) = api.store.problem().await {
        return Some(format!("store: {why}"));
    }
    let now = seconds(SystemTime::now());
    let (root, issuing, server) = api.ca.current().ends();
    let ends = [("root", Some(root)), ("issuing", Some(issuing)), ("server", server)];
    let (name, end) = ends
        .into_iter()
        .find_map(|(name, end)| end.filter(|end| *end <= now).map(|end| (name, end)))?;
    let end = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(end));
    Some(format!(
        "CA: the {name} certificate has expired at {end}; is the clock right? the log says why the \
         controller did not renew it"
    ))
}
