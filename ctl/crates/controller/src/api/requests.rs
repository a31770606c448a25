//! Requests to a host, passed on to its agent.

use super::document::problems::problems;
use super::extract::Segments;
use super::ndjson::NdJson;
use super::prepare;
use super::problem::ApiError;
use super::service::Api;
use crate::auth::Principal;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use controller_api::{AgentReply, AgentRequest, NDJSON, StreamLine, path};
use std::time::Duration;

problems! {
    /// The problems of a request to a host.
    Asking:
        TooLarge,
        HostNotConnected,
        DuplicateRequest,
        HostBusy,
        HostDisconnected,
        HostTimedOut,
        InvalidReply,
}

/// The time for a client to send a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a request to a host's agent and returns the agent's reply.
///
/// PROTOCOL.md describes the requests of an agent. A `sync.bash` with `"stream":true` is answered
/// in NDJSON: a line for each piece of output as it arrives, and the reply as the last line. If
/// there is no reply, the last line is a problem.
#[utoipa::path(
    post,
    path = path::REQUESTS,
    params(path::HostPath),
    request_body(
        content = AgentRequest,
        examples(
            ("ping" = (summary = "Whether the agent answers", value = json!({"method": "agent.ping"}))),
            ("command" = (
                summary = "A command, and a wait for its end",
                value = json!({"method": "sync.bash", "cmd": "uptime", "timeout": 10})
            )),
            ("stream" = (
                summary = "A command, and its output as it arrives",
                value = json!({"method": "sync.bash", "cmd": "uptime", "stream": true})
            )),
            ("task" = (
                summary = "A task, whose result the agent delivers later",
                value = json!({"method": "async.bash", "id": "nightly-42", "cmd": "make backup"})
            )),
            ("facts" = (summary = "Facts of the host", value = json!({"method": "getinfo.kernel"})))
        )
    ),
    responses(
        (status = 200, description = "The agent's reply, which may report a failure", content(
            (AgentReply = "application/json"),
            (StreamLine = NDJSON)
        )),
        Asking
    )
)]
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
