//! Requests to a host, passed on to its agent.

use super::document::problems::problems;
use super::extract::{Carried, Segments};
use super::gate::GoesOn;
use super::ndjson::NdJson;
use super::prepare::{self, Prepared};
use super::problem::ApiError;
use super::rule::{CommandLine, Given, Subject};
use super::service::Api;
use crate::audit::shortened;
use crate::auth::Principal;
use crate::store::StateName;
use agent_wire::Params;
use axum::extract::State;
use axum::response::Response;
use controller_api::{AgentReply, AgentRequest, NDJSON, StreamLine, path};
use fleet::Action;
use serde_json::{Map, Value};

problems! {
    /// The problems of a request to a host.
    Asking:
        TooLarge,
        UnknownHost,
        HostNotConnected,
        HostNotActive,
        DuplicateRequest,
        HostBusy,
        HostDisconnected,
        HostTimedOut,
        InvalidReply,
}

/// Reads a request for a host: what it asks for decides which action the caller's roles must allow.
pub(super) fn read_ask(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let (prepared, map) = prepare::prepare(&given.body)?;
    let params = Params::new(&map);
    let action = Action::of_method(&prepared.method);
    let mut subject = Subject::new(given, action).with("method", prepared.method.name());
    subject.only_reads = action != Action::CommandsRun;
    if !subject.only_reads {
        subject.command = Some(command(&map));
        subject = described(subject.with("id", &prepared.request.id), params);
    }
    given.carried.insert(prepared);
    Ok(subject)
}

/// Takes the command out of a request. One without a command has an empty one.
fn command(map: &Map<String, Value>) -> CommandLine {
    let params = Params::new(map);
    let account = |name| params.account(name).ok().flatten().map(|account| account.to_string());
    let brings = |name| map.get(name).is_some_and(|value| !value.is_null());
    CommandLine {
        text: params.text("cmd").ok().flatten().unwrap_or_default().to_owned(),
        user: account("user"),
        group: account("group"),
        brings_more: brings("env") || brings("cwd") || brings("stdin"),
    }
}

/// Adds a request's names and texts to its event, without input and values of variables, as the
/// agent's own audit log does.
fn described(mut subject: Subject, params: Params<'_>) -> Subject {
    for name in ["user", "group"] {
        if let Ok(Some(account)) = params.account(name) {
            subject = subject.with(name, account.to_string());
        }
    }
    for name in ["cmd", "cwd", "target", "task", "name", "cron"] {
        if let Ok(Some(text)) = params.text(name) {
            subject = subject.with(name, text);
        }
    }
    if let Ok(Some(env)) = params.object("env") {
        subject =
            subject.with("env", shortened(&env.keys().cloned().collect::<Vec<_>>().join(" ")));
    }
    subject
}

/// Sends a request to a host's agent and returns the agent's reply.
///
/// PROTOCOL.md describes the requests of an agent. A `sync.bash` with `"stream":true` is answered
/// in NDJSON: a line for each piece of output as it arrives, and the reply as the last line. If
/// there is no reply, the last line is a problem.
///
/// Needs the action `commands.run`; `facts.read` is enough for `getinfo.*`, `agent.*` and lists of
/// tasks and jobs, `results.read` for their output.
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
    Carried(prepared): Carried<Prepared>,
) -> Result<Response, ApiError> {
    let Some(reach) = api.registry.reach(&host) else {
        return Err(absent(&api, host).await);
    };
    let no_reply = |why| ApiError::NoReply { host: host.clone(), why };
    if prepared.stream {
        let output = reach.stream(prepared.request, prepared.wait).await.map_err(no_reply)?;
        drop(reach);
        let mut response = NdJson::begin(output, host, prepared.wait).await?;
        response.extensions_mut().insert(GoesOn);
        return Ok(response);
    }
    let asked = reach.ask(prepared.request, prepared.wait).map_err(no_reply)?;
    drop(reach);
    let reply = asked.reply().await.map_err(no_reply)?;
    api.respond(reply).await
}

/// Returns why a host without a channel gets no request.
pub(super) async fn absent(api: &Api, host: String) -> ApiError {
    match api.store.host(&host).await {
        Ok(Some(row)) => match StateName::of(&row.identity.state) {
            StateName::Active => ApiError::HostNotConnected(host),
            state => ApiError::HostNotActive { host, state: state.text() },
        },
        Ok(None) => ApiError::UnknownHost(host),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_can_change_the_meaning_of_a_command_counts_as_more_than_the_command() {
        for (field, value, wanted) in [
            ("env", json!({"PATH": "/tmp"}), true),
            ("cwd", json!("/tmp"), true),
            ("stdin", json!("id"), true),
            ("timeout", json!(5), false),
            ("env", json!(null), false),
        ] {
            let mut map = Map::from_iter([("cmd".to_owned(), json!("make install"))]);
            map.insert(field.to_owned(), value);
            assert_eq!(command(&map).brings_more, wanted, "{field}");
        }
    }
}
