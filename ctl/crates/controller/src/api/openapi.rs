//! The OpenAPI document, as the API serves it.

use super::problem::ApiError;
use super::service::Api;
use crate::auth::Principal;
use axum::extract::State;
use axum::response::Response;
use controller_api::path;

/// Shows this document.
#[utoipa::path(
    get,
    path = path::OPENAPI,
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
pub(super) async fn show(_: Principal, State(api): State<Api>) -> Result<Response, ApiError> {
    api.respond(api.document.to_string()).await
}
