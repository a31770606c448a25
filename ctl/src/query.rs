//! `-c METHOD` of a host: asked through the controller, its data printed.

use crate::client::Controller;
use crate::error::Error;
use crate::{exit, output};
use agent_wire::json::parse_object;
use agent_wire::message::{Resp, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::process::ExitCode;

/// The one field of an answer that is printed as it came.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Calls `method` and prints its data; `null` when it has none.
///
/// # Errors
/// [`Error::NotAsked`], or [`Error::Failed`] with the agent's retcode and message.
pub(crate) fn run(
    controller: &Controller,
    host: &str,
    method: &str,
    args: Option<&str>,
) -> Result<ExitCode, Error> {
    let mut request = serde_json::json!({ "method": method });
    if let Some(args) = args {
        request["args"] = args.into();
    }
    let text = controller.ask(host, &request.to_string(), None)?;
    let response = response(&text)?;
    if response.resp == Resp::Failed {
        return Err(failed(&response));
    }
    output::json(data(&text)?)?;
    Ok(ExitCode::from(exit::DONE))
}

/// The JSON text of an answer's data; `null` when it has none.
///
/// # Errors
/// [`Error::NotAsked`] when the answer is no JSON object.
pub(crate) fn data(answer: &str) -> Result<&str, Error> {
    let payload: Payload<'_> = serde_json::from_str(answer).map_err(|error| unreadable(&error))?;
    Ok(payload.data.map_or("null", RawValue::get))
}

/// Reads an agent's answer.
///
/// # Errors
/// [`Error::NotAsked`]: what has no meaning says nothing about the request.
pub(crate) fn response(text: &str) -> Result<Response, Error> {
    let map = parse_object(text).map_err(|error| unreadable(&error))?;
    Response::parse(&map).map_err(|error| unreadable(&error))
}

/// A failed answer, for people: its number first, then its words.
pub(crate) fn failed(response: &Response) -> Error {
    Error::Failed(format!("{} {}", response.retcode, response.message))
}

/// An answer that makes no sense.
pub(crate) fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::NotAsked(format!("the answer can't be read: {error}"))
}
