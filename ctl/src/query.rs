//! `-c METHOD` for a host: sends the request through the controller and prints the reply's data.

use crate::cli::Remote;
use crate::error::Error;
use crate::{exit, local, output, suggest};
use agent_wire::json::parse_object;
use agent_wire::message::{Resp, Response};
use agent_wire::reply::{FactReply, MethodSummary};
use agent_wire::{Method, Retcode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::process::ExitCode;

/// The field of a reply that is printed unchanged.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Calls `method` and prints the data of the reply, or `null`.
///
/// # Errors
/// As [`failed`] for a failed reply; any other [`Error`] without a reply.
pub(crate) fn run(remote: &Remote, method: &str, args: Option<&str>) -> Result<ExitCode, Error> {
    local::method(method)?;
    let mut request = serde_json::json!({ "method": method });
    if let Some(args) = args {
        request["args"] = args.into();
    }
    let text = remote.controller.request(&remote.host, &request.to_string(), None)?;
    let response = response(&text)?;
    if response.resp == Resp::Failed {
        let unknown = [Retcode::NoSuchMethod, Retcode::PluginRefused].map(Retcode::number);
        let known = if unknown.contains(&response.retcode) { methods(remote) } else { Vec::new() };
        let hint = suggest::nearest(method, known);
        return Err(exit::failure(response.retcode, &format!("{}{hint}", response.message)));
    }
    let data = data(&text)?;
    output::json(data)?;
    if Method::parse(method) == Method::GetinfoAll {
        let parts: Vec<FactReply> =
            serde_json::from_str(data).map_err(|error| unreadable(&error))?;
        return Ok(local::parts_status(&parts, args.is_none_or(|args| args.trim().is_empty())));
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Returns the names of the host's methods, as far as it tells them.
fn methods(remote: &Remote) -> Vec<String> {
    let request = serde_json::json!({ "method": Method::AgentMethods.name() }).to_string();
    let Ok(text) = remote.controller.request(&remote.host, &request, None) else {
        return Vec::new();
    };
    let methods = data(&text).ok().and_then(|data| serde_json::from_str(data).ok());
    let methods: Vec<MethodSummary<'_>> = methods.unwrap_or_default();
    methods.into_iter().map(|summary| summary.method.into_owned()).collect()
}

/// Returns the JSON text of a reply's data, or `null`.
///
/// # Errors
/// [`Error::Unavailable`] if the reply is not a JSON object.
pub(crate) fn data(reply: &str) -> Result<&str, Error> {
    let payload: Payload<'_> = serde_json::from_str(reply).map_err(|error| unreadable(&error))?;
    Ok(payload.data.map_or("null", RawValue::get))
}

/// Parses an agent's reply.
///
/// # Errors
/// [`Error::Unavailable`] if it is not a reply.
pub(crate) fn response(text: &str) -> Result<Response, Error> {
    let map = parse_object(text).map_err(|error| unreadable(&error))?;
    Response::parse(&map).map_err(|error| unreadable(&error))
}

/// Returns the error for a failed reply: its retcode, then its message. [`exit::failure`]
/// classifies it.
pub(crate) fn failed(response: &Response) -> Error {
    exit::failure(response.retcode, &response.message)
}

/// Returns the error for a reply that cannot be parsed.
pub(crate) fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::unavailable(format!("unreadable reply: {error}"))
}
