//! `task`: commands that a host runs by itself. All but `result` ask the host; `result` asks the controller, which
//! keeps what hosts have delivered.

mod output;
mod result;
mod state;
mod submit;

use crate::cli::Task;
use crate::client::Controller;
use crate::error::Error;
use crate::query;
use agent_wire::message::Resp;
use serde_json::Value;
use std::process::ExitCode;

/// Does it.
///
/// # Errors
/// [`Error::NotAsked`] and its like, or [`Error::Failed`] with the agent's retcode and message.
pub(crate) fn run(controller: &Controller, host: &str, task: &Task) -> Result<ExitCode, Error> {
    match task {
        Task::Submit(submit) => submit::run(controller, host, submit),
        Task::Status(about) => state::show(controller, host, "async.status", about),
        Task::Cancel(about) => state::show(controller, host, "async.cancel", about),
        Task::List { json } => state::list(controller, host, *json),
        Task::Output(output) => output::run(controller, host, output),
        Task::Result(result) => result::run(controller, host, result),
    }
}

/// The whole answer of a host to a request, which is a success.
///
/// # Errors
/// As [`run`].
fn ask(controller: &Controller, host: &str, request: &Value) -> Result<String, Error> {
    let text = controller.ask(host, &request.to_string(), None)?;
    let response = query::response(&text)?;
    if response.resp == Resp::Failed { Err(query::failed(&response)) } else { Ok(text) }
}
