//! The routes, what guards them, and a handler each.

use super::problem::ApiError;
use super::ndjson::NdJson;
use super::{request, results};
use crate::agents::registry::Hosts;
use crate::agents::Session;
use crate::store::Store;
use crate::auth::Token;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take to send a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the API works on.
#[derive(Clone)]
pub(super) struct Api {
    hosts: Arc<Hosts>,
    pub(super) store: Arc<Store>,
    token: Arc<Token>,
}

/// A host as clients see it.
#[derive(Serialize)]
struct HostView<'a> {
    id: &'a str,
    address: std::net::SocketAddr,
    version: Option<&'a str>,
    /// RFC 3339, UTC.
    connected_at: String,
    /// Requests whose answers are waited for.
    requests_running: usize,
}

impl<'a> From<&'a Session> for HostView<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            id: &session.id,
            address: session.address,
            version: session.version.as_deref(),
            connected_at: humantime::format_rfc3339_seconds(session.connected_at).to_string(),
            requests_running: session.waiting(),
        }
    }
}

/// The routes.
pub(crate) fn router(hosts: Arc<Hosts>, store: Arc<Store>, token: Token) -> Router {
    let api = Api { hosts, store, token: Arc::new(token) };
    Router::new()
        .route("/api/v1/hosts", get(list))
        .route("/api/v1/hosts/{id}", get(show))
        .route("/api/v1/hosts/{id}/requests", post(ask))
        .route("/api/v1/hosts/{id}/results", get(results::page))
        .route("/api/v1/hosts/{id}/results/{task}", get(results::one))
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::WrongMethod)
        .layer(middleware::from_fn_with_state(api.clone(), authorize))
        .with_state(api)
}

/// Before everything else: nothing is told to who has no token, not even which paths there are.
async fn authorize(State(api): State<Api>, request: Request, next: Next) -> Result<Response, ApiError> {
    let mut given = request.headers().get_all(AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (Some(value), None) if api.token.is_in(value.as_bytes()) => Ok(next.run(request).await),
        _ => Err(ApiError::Unauthorized),
    }
}

async fn list(State(api): State<Api>) -> Json<serde_json::Value> {
    let sessions = api.hosts.all();
    let hosts: Vec<HostView<'_>> = sessions.iter().map(|session| HostView::from(&**session)).collect();
    Json(serde_json::json!({ "hosts": hosts }))
}

async fn show(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<serde_json::Value>, ApiError> {
    let session = api.hosts.find(&id).ok_or(ApiError::NoSuchHost(id))?;
    Ok(Json(serde_json::json!(HostView::from(&*session))))
}

async fn ask(State(api): State<Api>, Path(id): Path<String>, body: Body) -> Result<Response, ApiError> {
    let read = axum::body::to_bytes(body, request::MAX_BODY);
    let body = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(ApiError::TooLarge),
        Err(_) => return Err(ApiError::BadRequest("the body did not come in time".to_owned())),
    };
    let prepared = request::prepare(&body)?;
    drop(body);
    let session = api.hosts.find(&id).ok_or_else(|| ApiError::NoSuchHost(id.clone()))?;
    let no_answer = |why| ApiError::no_answer(why, &id);
    if prepared.stream {
        let output = session.stream(prepared.asked).map_err(no_answer)?;
        drop(session);
        return NdJson::begin(output, id, prepared.wait).await;
    }
    let waiter = session.ask(prepared.asked).map_err(no_answer)?;
    drop(session);
    Ok(json(waiter.answer(prepared.wait).await.map_err(no_answer)?))
}

/// A response whose body is JSON text already.
pub(super) fn json(text: String) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(text))
        .expect("a status and one fixed header make a response")
}
