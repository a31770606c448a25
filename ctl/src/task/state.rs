//! `task status`, `task cancel` and `task list`: print the states of tasks, as a table or as the
//! agent's own JSON.

use crate::agent::Agent;
use crate::cli::{About, TaskList};
use crate::error::Error;
use crate::print::table;
use crate::terminal::safe;
use crate::{clock, exit, output, query};
use agent_wire::Method;
use agent_wire::reply::TaskStatus;
use serde_json::value::RawValue;
use std::process::ExitCode;

/// Tasks in one request.
const PAGE: usize = 1000;

/// Sends `method` for one task and prints the state in the reply.
///
/// # Errors
/// As [`super::run`].
pub(super) fn show(agent: &Agent<'_>, method: &Method, about: &About) -> Result<ExitCode, Error> {
    let request = serde_json::json!({ "method": method.name(), "task": about.task });
    let reply = agent.request(request)?;
    let state = query::data(&reply)?;
    if about.json {
        output::json(state)?
    } else {
        print(&[serde_json::from_str(state).map_err(unreadable)?])?
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Prints all tasks of the host.
///
/// # Errors
/// As [`super::run`].
pub(super) fn list(agent: &Agent<'_>, list: &TaskList) -> Result<ExitCode, Error> {
    let mut states: Vec<TaskStatus<'static>> = Vec::new();
    let mut texts: Vec<Box<RawValue>> = Vec::new();
    loop {
        let mut request = serde_json::json!({ "method": Method::AsyncList.name(), "limit": PAGE });
        if let Some(last) = states.last() {
            request["after"] = (*last.task).into();
        }
        let reply = agent.request(request)?;
        let page: Vec<Box<RawValue>> =
            serde_json::from_str(query::data(&reply)?).map_err(unreadable)?;
        let count = page.len();
        for text in page {
            states.push(serde_json::from_str(text.get()).map_err(unreadable)?);
            texts.push(text);
        }
        if count < PAGE {
            break;
        }
    }
    if list.json {
        output::json(&serde_json::to_string(&texts).expect("JSON serializes to memory"))?;
    } else {
        print(&states)?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn print(states: &[TaskStatus<'_>]) -> Result<(), Error> {
    let zone = clock::here();
    let cell = |time: &Option<String>| clock::cell(time.as_ref(), &zone);
    let row = |state: &TaskStatus<'_>| {
        [
            safe(&state.task),
            state.state.word().to_owned(),
            cell(&state.accepted),
            cell(&state.started),
            cell(&state.ended),
            outcome(state),
        ]
    };
    let rows: Vec<_> = states.iter().map(row).collect();
    let head = ["TASK", "STATE", "ACCEPTED", "STARTED", "ENDED", "OUTCOME"];
    output::bytes(table::text(head, &rows).as_bytes())
}

/// Returns the outcome of a task for a table.
pub(crate) fn outcome(task: &TaskStatus<'_>) -> String {
    match (task.retcode, &task.message) {
        (Some(retcode), Some(message)) => format!("{retcode} {}", safe(message)),
        _ => "-".to_owned(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Error {
    query::unreadable(&error)
}
