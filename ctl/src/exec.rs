//! `exec`: runs a command on a host as if it ran locally: with its input, its two outputs and its
//! exit status.

use crate::agent::Agent;
use crate::cli::{Exec, Remote};
use crate::error::Error;
use crate::print::Record;
use crate::{command, exit, outcome, output, query, stream};
use agent_wire::Method;
use agent_wire::message::{Bash, DEFAULT_TIMEOUT, MAX_OUTPUT, StderrMode};
use agent_wire::reply::CommandCheck;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Runs the command and returns its exit status.
///
/// # Errors
/// [`Error::Failed`] if the command did not exit by itself, after printing its output so far; any
/// other [`Error`] if there is no reply.
pub(crate) fn run(remote: &Remote, exec: &Exec) -> Result<ExitCode, Error> {
    let mut request = request(exec)?;
    request["method"] = Method::SyncBash.name().into();
    let timeout = Duration::from_secs(exec.timeout.unwrap_or(DEFAULT_TIMEOUT));
    if exec.stream {
        return stream::run(remote, &request.to_string(), timeout, exec.json);
    }
    let reply = remote.controller.request(&remote.host, &request.to_string(), Some(timeout))?;
    outcome::print(&reply, exec.json)
}

/// Asks how the command would fare, and prints it.
///
/// # Errors
/// [`Error::Failed`] if the host would not run it; any other [`Error`] if there is no reply.
pub(crate) fn check(remote: Option<&Remote>, exec: &Exec) -> Result<ExitCode, Error> {
    let mut request = request(exec)?;
    request["method"] = Method::ExecCheck.name().into();
    request["check"] = Method::SyncBash.name().into();
    if let Some(controller) = &exec.as_controller {
        request["controller"] = controller.as_str().into();
    }
    let reply = Agent::new(remote, exec.at.socket.as_deref()).request(request)?;
    if exec.json {
        output::json(&reply)?;
        return Ok(ExitCode::from(exit::DONE));
    }
    let found: CommandCheck<'_> =
        serde_json::from_str(query::data(&reply)?).map_err(|error| query::unreadable(&error))?;
    let mut record = Record::default();
    record
        .add("user", format!("{} ({})", found.user, found.uid))
        .add("group", format!("{} ({})", found.group, found.gid))
        .add("directory", &found.cwd)
        .add("shell", &found.shell)
        .some("limits", found.limits.as_ref());
    output::bytes(record.text().as_bytes())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Returns the command of the flags as a request has it, without a method.
fn request(exec: &Exec) -> Result<Value, Error> {
    let bash = Bash {
        timeout: exec.timeout,
        stderr: exec.command.stderr.map_or(StderrMode::Separate, StderrMode::from),
        max_output: Some(exec.command.max_output.unwrap_or(MAX_OUTPUT)),
        stream: exec.stream,
        ..command::bash(&exec.command)?
    };
    Ok(serde_json::to_value(&bash).expect("a command serializes to memory"))
}
