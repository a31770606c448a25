//! `exec`: a command on a host, as if it ran here: its input, its two outputs, its exit status.

use crate::cli::Exec;
use crate::client::Controller;
use crate::error::Error;
use crate::{command, outcome, stream};
use agent_wire::message::{Bash, DEFAULT_TIMEOUT, MAX_OUTPUT, StderrMode};
use std::process::ExitCode;
use std::time::Duration;

/// Runs the command and gives its exit status.
///
/// # Errors
/// [`Error::NotAsked`] and its like, or [`Error::Failed`] when the command did not end by itself; what it had
/// printed by then is printed.
pub(crate) fn run(controller: &Controller, host: &str, exec: &Exec) -> Result<ExitCode, Error> {
    let bash = Bash {
        timeout: exec.timeout,
        stderr: StderrMode::Separate,
        max_output: Some(MAX_OUTPUT),
        stream: exec.stream,
        ..command::bash(&exec.command)?
    };
    let mut request = serde_json::to_value(&bash).expect("a command's fields go to memory");
    request["method"] = "sync.bash".into();
    let timeout = Duration::from_secs(exec.timeout.unwrap_or(DEFAULT_TIMEOUT));
    if exec.stream {
        return stream::run(controller, host, &request.to_string(), timeout, exec.json);
    }
    outcome::print(&controller.ask(host, &request.to_string(), Some(timeout))?, exec.json)
}
