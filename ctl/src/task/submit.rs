//! `task submit`. The id is made here, so that whoever gets no answer can ask again without a second run.

use crate::cli::Submit;
use crate::client::Controller;
use crate::error::Error;
use crate::{command, exit, output};
use agent_wire::json::one_line;
use agent_wire::message::{Bash, StderrMode};
use std::process::ExitCode;
use uuid::Uuid;

/// Submits, and prints the task's id.
///
/// # Errors
/// As [`super::run`].
pub(super) fn run(controller: &Controller, host: &str, submit: &Submit) -> Result<ExitCode, Error> {
    let id = submit.id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let stderr = if submit.separate_stderr { StderrMode::Separate } else { StderrMode::Merge };
    let bash = Bash { timeout: submit.timeout, stderr, ..command::bash(&submit.command)? };
    let mut request = serde_json::to_value(&bash).expect("a command's fields go to memory");
    request["method"] = "async.bash".into();
    request["id"] = id.as_str().into();
    let answer = super::ask(controller, host, &request).map_err(|error| match error {
        Error::Unanswered(why) => Error::Unanswered(format!(
            "{why}; whether the task was taken is not known: the same command with --id {} asks again and starts it once",
            one_line(&id)
        )),
        other => other,
    })?;
    if submit.json {
        output::json(&answer)?;
    } else {
        output::bytes(format!("{id}\n").as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}
