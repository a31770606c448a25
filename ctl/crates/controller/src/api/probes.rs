//! What a monitor asks, without a token.

use super::document::problems::problems;
use super::problem::ApiError;
use super::service::{Api, json};
use axum::extract::State;
use axum::response::Response;
use controller_api::{Health, HealthStatus, path};

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
/// It stores and reads results, and there is room for more.
#[utoipa::path(
    get,
    path = path::READY,
    responses((status = 200, description = "It can", body = Health), Unready)
)]
pub(super) async fn ready(State(api): State<Api>) -> Result<Response, ApiError> {
    match api.store.problem().await {
        None => Ok(answer(HealthStatus::Ready)),
        Some(why) => Err(ApiError::NotReady(format!("results: {why}"))),
    }
}

fn answer(status: HealthStatus) -> Response {
    json(serde_json::to_string(&Health { status }).expect("texts go to memory"))
}
