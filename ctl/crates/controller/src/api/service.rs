//! What every handler uses: the API's services, and a response of JSON text.

use crate::agents::Registry;
use crate::auth::Authenticator;
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
    pub(super) authenticator: Arc<Authenticator>,
}

/// Makes a response of a body that is JSON text already.
pub(super) fn json(text: String) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(text))
        .expect("a status and one fixed header make a response")
}
