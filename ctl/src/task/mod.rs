//! `task`: background tasks of a host. `result` reads from the controller, which stores delivered
//! results; the other subcommands send requests to the host.

mod output;
mod result;
mod state;
mod submit;

pub(crate) use state::outcome;

use crate::cli::{Remote, Task};
use crate::error::Error;
use crate::query;
use agent_wire::Method;
use agent_wire::message::Resp;
use serde_json::Value;
use std::process::ExitCode;

/// Runs the subcommand.
///
/// # Errors
/// [`Error::Failed`] with the agent's retcode and message; any other [`Error`] without a reply.
pub(crate) fn run(remote: &Remote, task: &Task) -> Result<ExitCode, Error> {
    match task {
        Task::Submit(submit) => submit::run(remote, submit),
        Task::Status(about) => state::show(remote, &Method::AsyncStatus, about),
        Task::Cancel(about) => state::show(remote, &Method::AsyncCancel, about),
        Task::List { json } => state::list(remote, *json),
        Task::Output(output) => output::run(remote, output),
        Task::Result(result) => result::run(remote, result),
    }
}

/// Sends a request to the host and returns its whole reply, which reports success.
///
/// # Errors
/// As [`run`].
fn request(remote: &Remote, request: &Value) -> Result<String, Error> {
    let text = remote.controller.request(&remote.host, &request.to_string(), None)?;
    let response = query::response(&text)?;
    if response.resp == Resp::Failed { Err(query::failed(&response)) } else { Ok(text) }
}
