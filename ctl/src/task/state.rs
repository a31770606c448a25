//! `task status`, `task cancel` and `task list`: how far tasks are, as a table or as the agent's own JSON.

use crate::cli::About;
use crate::client::Controller;
use crate::error::Error;
use crate::{exit, output, query, table};
use agent_wire::json::one_line;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::process::ExitCode;

/// Tasks asked for at once.
const PAGE: usize = 1000;

/// A task as the agent tells it (§6); times are RFC 3339, UTC.
#[derive(Deserialize)]
struct State {
    task: String,
    state: String,
    accepted: Option<String>,
    started: Option<String>,
    ended: Option<String>,
    retcode: Option<u64>,
    message: Option<String>,
}

/// Asks `method` about one task and prints its state.
///
/// # Errors
/// As [`super::run`].
pub(super) fn show(
    controller: &Controller,
    host: &str,
    method: &str,
    about: &About,
) -> Result<ExitCode, Error> {
    let request = serde_json::json!({ "method": method, "task": about.task });
    let answer = super::ask(controller, host, &request)?;
    let state = query::data(&answer)?;
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
pub(super) fn list(controller: &Controller, host: &str, json: bool) -> Result<ExitCode, Error> {
    let mut states: Vec<State> = Vec::new();
    let mut texts: Vec<Box<RawValue>> = Vec::new();
    loop {
        let mut request = serde_json::json!({ "method": "async.list", "limit": PAGE });
        if let Some(last) = states.last() {
            request["after"] = last.task.as_str().into();
        }
        let answer = super::ask(controller, host, &request)?;
        let page: Vec<Box<RawValue>> = serde_json::from_str(query::data(&answer)?).map_err(unreadable)?;
        let count = page.len();
        for text in page {
            states.push(serde_json::from_str(text.get()).map_err(unreadable)?);
            texts.push(text);
        }
        if count < PAGE {
            break;
        }
    }
    if json {
        output::json(&serde_json::to_string(&texts).expect("JSON goes to memory"))?;
    } else {
        print(&states)?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn print(states: &[State]) -> Result<(), Error> {
    let cell = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), one_line);
    let row = |state: &State| {
        let outcome = match (state.retcode, &state.message) {
            (Some(retcode), Some(message)) => format!("{retcode} {}", one_line(message)),
            _ => "-".to_owned(),
        };
        [
            one_line(&state.task),
            one_line(&state.state),
            cell(&state.accepted),
            cell(&state.started),
            cell(&state.ended),
            outcome,
        ]
    };
    let rows: Vec<_> = states.iter().map(row).collect();
    let head = ["TASK", "STATE", "ACCEPTED", "STARTED", "ENDED", "OUTCOME"];
    output::bytes(table::text(head, &rows).as_bytes())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Error {
    query::unreadable(&error)
}
