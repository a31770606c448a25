//! `task result`: prints a result as `exec` prints the reply to its command. A controller stores
//! whole results; this machine's agent is asked for the task's state and output.

use super::output::{bytes, piece};
use crate::agent::Agent;
use crate::cli::{Remote, TaskResult};
use crate::error::Error;
use crate::{exit, outcome, output, query};
use agent_wire::Method;
use agent_wire::json::quote;
use agent_wire::message::Resp;
use agent_wire::reply::{TaskState, TaskStatus};
use controller_api::MAX_WAIT_SECONDS;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The longest wait in one request.
const MAX_WAIT: Duration = Duration::from_secs(MAX_WAIT_SECONDS);

/// The pause before a request is repeated: to a lost controller, or about a task that runs.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the result and returns the command's exit status.
///
/// # Errors
/// [`Error::Failed`] if there is no result within the wait, or the command did not exit by itself.
pub(super) fn run(agent: &Agent<'_>, wanted: &TaskResult) -> Result<ExitCode, Error> {
    match agent {
        Agent::Remote(remote) => stored(remote, wanted),
        Agent::Local(_) => assembled(agent, wanted),
    }
}

/// Prints the agent's record of an ended task.
fn assembled(agent: &Agent<'_>, wanted: &TaskResult) -> Result<ExitCode, Error> {
    let end = Instant::now() + Duration::from_secs(wanted.wait);
    let (status, text) = loop {
        let method = Method::AsyncStatus.name();
        let reply = agent.request(serde_json::json!({ "method": method, "task": wanted.task }))?;
        let text = query::data(&reply)?.to_owned();
        let status: TaskStatus<'static> =
            serde_json::from_str(&text).map_err(|error| query::unreadable(&error))?;
        if status.state == TaskState::Ended {
            break (status, text);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(no_result(wanted));
        }
        std::thread::sleep(left.min(PAUSE));
    };
    if wanted.json {
        output::json(&text)?;
    } else {
        copy(agent, &wanted.task, false)?;
        copy(agent, &wanted.task, true)?;
    }
    let retcode = status.retcode.unwrap_or_default();
    match u8::try_from(retcode) {
        Ok(code) if status.resp == Some(Resp::Success) => Ok(ExitCode::from(code)),
        _ => Err(exit::failure(retcode, status.message.as_deref().unwrap_or_default())),
    }
}

/// Copies one stream of an ended task to ours.
fn copy(agent: &Agent<'_>, task: &str, stderr: bool) -> Result<(), Error> {
    let mut offset = 0;
    loop {
        let piece = match piece(agent, task, stderr, offset, Duration::ZERO) {
            Ok(piece) => piece,
            // Standard error was merged into the output.
            Err(Error::Rejected(_)) if stderr => return Ok(()),
            Err(error) => return Err(error),
        };
        if piece.offset > offset {
            let missing = piece.offset - offset;
            output::error(&format_args!("{missing} bytes are missing here"));
        }
        if piece.next <= offset {
            return Ok(());
        }
        offset = piece.next;
        if stderr {
            // A closed standard error is not an error.
            let _ = io::stderr().write_all(&bytes(&piece)?);
        } else if !output::piece(&bytes(&piece)?)? {
            return Ok(());
        }
        if piece.ended {
            return Ok(());
        }
    }
}

fn no_result(wanted: &TaskResult) -> Error {
    let task = quote(&wanted.task);
    Error::failed(format!("no result for task \"{task}\": unknown, or not finished"))
}

/// Prints the result that the controller has.
fn stored(remote: &Remote, wanted: &TaskResult) -> Result<ExitCode, Error> {
    let end = Instant::now() + Duration::from_secs(wanted.wait);
    let mut replied = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Whole seconds, rounded up, so that the last request waits for the remaining fraction.
        let wait =
            Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)).min(MAX_WAIT);
        let found = match remote.controller.result(&remote.host, &wanted.task, wait) {
            Ok(found) => found,
            // A controller that replied before is expected back.
            Err(error @ (Error::Unreachable(_) | Error::NoReply(_)))
                if left > PAUSE && (replied || matches!(error, Error::NoReply(_))) =>
            {
                replied = true;
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        replied = true;
        match found {
            Some(event) => return outcome::print(&event, wanted.json),
            None if left > MAX_WAIT => {}
            None => return Err(no_result(wanted)),
        }
    }
}
