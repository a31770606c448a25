//! `exec`: runs a command on a host as if it ran locally: with its input, its two outputs and its
//! exit status.

use crate::cli::{Exec, Remote};
use crate::error::Error;
use crate::{command, outcome, stream};
use agent_wire::Method;
use agent_wire::message::{Bash, DEFAULT_TIMEOUT, MAX_OUTPUT, StderrMode};
use std::process::ExitCode;
use std::time::Duration;

/// Runs the command and returns its exit status.
///
/// # Errors
/// [`Error::Failed`] if the command did not exit by itself, after printing its output so far; any
/// other [`Error`] if there is no reply.
pub(crate) fn run(remote: &Remote, exec: &Exec) -> Result<ExitCode, Error> {
    let bash = Bash {
        timeout: exec.timeout,
        stderr: exec.command.stderr.map_or(StderrMode::Separate, StderrMode::from),
        max_output: Some(exec.command.max_output.unwrap_or(MAX_OUTPUT)),
        stream: exec.stream,
        ..command::bash(&exec.command)?
    };
    let mut request = serde_json::to_value(&bash).expect("a command serializes to memory");
    request["method"] = Method::SyncBash.name().into();
    let timeout = Duration::from_secs(exec.timeout.unwrap_or(DEFAULT_TIMEOUT));
    if exec.stream {
        return stream::run(remote, &request.to_string(), timeout, exec.json);
    }
    let reply = remote.controller.request(&remote.host, &request.to_string(), Some(timeout))?;
    outcome::print(&reply, exec.json)
}
