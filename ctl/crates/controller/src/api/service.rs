//! What every handler uses: the API's services, and a response of JSON text.

use super::held::{ResponseMemory, Share};
use super::problem::ApiError;
use super::wrong_tokens::WrongTokens;
use crate::agents::{Permits, Registry};
use crate::auth::Authenticator;
use crate::identity::Ca;
use crate::metrics::{Metrics, Routes};
use crate::stop::Stop;
use crate::store::Store;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use std::sync::Arc;

/// The services that handlers use.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    pub(super) ca: Arc<Ca>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) wrong_tokens: Arc<WrongTokens>,
    pub(super) memory: ResponseMemory,
    pub(super) stop: Stop,
    /// Connections of agents that are not sessions yet.
    pub(super) permits: Permits,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// What is counted by route.
    pub(super) routes: Arc<Routes>,
    /// The OpenAPI document's text.
    pub(super) document: Arc<str>,
}

impl Api {
    /// Makes a response of a text that may be large, once there is memory for it.
    ///
    /// # Errors
    /// When other clients hold that memory.
    pub(super) async fn respond(&self, text: String) -> Result<Response, ApiError> {
        Ok(json_in(self.memory.reserve(text.len()).await?, text))
    }
}

/// Makes a response of JSON text in memory that was reserved for it.
pub(super) fn json_in(share: Share, text: String) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(share.body(text))
        .expect("a status and one fixed header make a response")
}

/// Makes a response of a short JSON text.
pub(super) fn json(text: String) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(text))
        .expect("a status and one fixed header make a response")
}
