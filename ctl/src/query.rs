//! `-c METHOD` for a host: sends the request through the controller and prints the reply's data.

use crate::cli::Remote;
use crate::error::Error;
use crate::{exit, output};
use agent_wire::json::parse_object;
use agent_wire::message::{Resp, Response};
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
/// [`Error::Failed`] with the agent's retcode and message; any other [`Error`] without a reply.
pub(crate) fn run(remote: &Remote, method: &str, args: Option<&str>) -> Result<ExitCode, Error> {
    let mut request = serde_json::json!({ "method": method });
    if let Some(args) = args {
        request["args"] = args.into();
    }
    let text = remote.controller.request(&remote.host, &request.to_string(), None)?;
    let response = response(&text)?;
    if response.resp == Resp::Failed {
        return Err(failed(&response));
    }
    output::json(data(&text)?)?;
    Ok(ExitCode::from(exit::DONE))
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

/// Returns the error for a failed reply: its retcode, then its message.
pub(crate) fn failed(response: &Response) -> Error {
    Error::failed(format!("{} {}", response.retcode, response.message))
}

/// Returns the error for a reply that cannot be parsed.
pub(crate) fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::unavailable(format!("unreadable reply: {error}"))
}
