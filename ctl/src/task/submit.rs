//! `task submit`. Chooses the task's id before sending, so that a retry after a lost reply does not
//! start the command twice.

use crate::agent::Agent;
use crate::cli::Submit;
use crate::error::Error;
use crate::terminal::safe;
use crate::{command, exit, output};
use agent_wire::Method;
use agent_wire::message::{Bash, StderrMode};
use std::process::ExitCode;
use uuid::Uuid;

/// Submits the task and prints its id.
///
/// # Errors
/// As [`Agent::request`].
pub(super) fn run(agent: &Agent<'_>, submit: &Submit) -> Result<ExitCode, Error> {
    let id = submit.id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut bash = Bash { timeout: submit.timeout, ..command::bash(&submit.command)? };
    if submit.separate_stderr {
        bash.stderr = StderrMode::Separate;
    }
    let mut request = serde_json::to_value(&bash).expect("a command serializes to memory");
    request["method"] = Method::AsyncBash.name().into();
    request["id"] = id.as_str().into();
    let reply = agent.request(request).map_err(|error| match error {
        Error::NoReply(_) => Error::no_reply(format!(
            "{}; the host may have accepted the task: repeat the command with --id {}, which starts it at most once",
            error.chain(),
            safe(&id)
        )),
        Error::Failed(_)
        | Error::Usage(_)
        | Error::Rejected(_)
        | Error::Unavailable(_)
        | Error::Unreachable(_)
        | Error::Output(_) => error,
    })?;
    if submit.json {
        output::json(&reply)?;
    } else {
        output::bytes(format!("{id}\n").as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}
