//! What a monitor asks, without a token.

use super::problem::ApiError;
use super::service::{Api, json};
use axum::extract::State;
use axum::response::Response;

/// `GET /healthz`: the controller runs.
pub(super) async fn health() -> Response {
    json(r#"{"status":"ok"}"#.to_owned())
}

/// `GET /readyz`: whether the controller can store and read results.
pub(super) async fn ready(State(api): State<Api>) -> Result<Response, ApiError> {
    match api.store.problem().await {
        None => Ok(json(r#"{"status":"ready"}"#.to_owned())),
        Some(why) => Err(ApiError::NotReady(format!("results: {why}"))),
    }
}
