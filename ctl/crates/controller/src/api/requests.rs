//! Requests to a host, passed on to its agent.

use super::extract::Segments;
use super::ndjson::NdJson;
use super::prepare;
use super::problem::ApiError;
use super::service::Api;
use crate::auth::Principal;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use std::time::Duration;

/// The time for a client to send a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// `POST …/requests`: sends the request in the body and returns the agent's reply,
/// or its output as it arrives.
pub(super) async fn ask(
    _: Principal,
    State(api): State<Api>,
    Segments(host): Segments<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let read = axum::body::to_bytes(body, prepare::MAX_BODY);
    let body = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(ApiError::TooLarge),
        Err(_) => {
            let why = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
            return Err(ApiError::InvalidRequest(why));
        }
    };
    let prepared = prepare::prepare(&body)?;
    drop(body);
    let Some(session) = api.registry.find(&host) else {
        return Err(ApiError::HostNotConnected(host));
    };
    let no_reply = |why| ApiError::NoReply { host: host.clone(), why };
    if prepared.stream {
        let output = session.stream(prepared.request).map_err(no_reply)?;
        drop(session);
        return NdJson::begin(output, host, prepared.wait).await;
    }
    let reply = session.ask(prepared.request).map_err(no_reply)?;
    drop(session);
    let reply = reply.within(prepared.wait).await.map_err(no_reply)?;
    api.respond(reply).await
}
