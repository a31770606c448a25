//! `cron set`, `cron remove` and `cron run`: one job of an agent.

use super::agent::Agent;
use super::caret;
use crate::cli::{CronJob, CronSet};
use crate::error::Error;
use crate::{command, exit, output, query};
use agent_cron::Expression;
use agent_wire::json::one_line;
use agent_wire::message::Bash;
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

/// What the agent makes of a job that is set.
#[derive(Deserialize)]
struct Planned {
    schedule: String,
    #[serde(default)]
    warnings: Vec<String>,
    next: Vec<String>,
}

/// What has been started.
#[derive(Deserialize)]
struct Started {
    task: String,
}

/// Sets a job and prints when it runs.
///
/// # Errors
/// As [`Agent::ask`]; when the command can't travel.
pub(super) fn set(agent: &Agent<'_>, set: &CronSet) -> Result<ExitCode, Error> {
    // The agent says it too, but only here the place can be shown.
    let expression = match Expression::parse(&set.schedule) {
        Ok(expression) => expression,
        Err(error) => {
            output::error(&error);
            output::error_lines(&caret::mark(&set.schedule, error.offset()));
            return Ok(ExitCode::from(exit::FAILED));
        }
    };
    let bash = Bash { timeout: set.timeout, ..command::bash(&set.command)? };
    let mut request = serde_json::to_value(&bash).expect("a command's fields go to memory");
    request["method"] = "cron.set".into();
    request["name"] = set.name.as_str().into();
    request["schedule"] = set.schedule.as_str().into();
    request["enabled"] = (!set.disabled).into();
    let texts = [
        ("timezone", &set.tz),
        ("overlap", &set.overlap),
        ("missed", &set.missed),
        ("calendar", &set.calendar),
    ];
    for (field, value) in texts {
        if let Some(value) = value {
            request[field] = value.as_str().into();
        }
    }
    for (field, value) in [("horizon", set.horizon), ("jitter", set.jitter)] {
        if let Some(value) = value {
            request[field] = value.into();
        }
    }
    let answer = agent.ask(request)?;
    let text = query::data(&answer)?;
    if set.json {
        output::json(text)?;
    } else {
        let planned: Planned = serde_json::from_str(text).map_err(|error| query::unreadable(&error))?;
        for warning in &planned.warnings {
            output::error(&format_args!("warning: {warning}"));
        }
        let mut text = format!("{}\n\n", expression.explain());
        let _ = writeln!(text, "{:10}{}", "schedule", one_line(&planned.schedule));
        for (index, time) in planned.next.iter().enumerate() {
            let _ = writeln!(text, "{:10}{}", if index == 0 { "next" } else { "" }, one_line(time));
        }
        output::bytes(text.as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Removes a job.
///
/// # Errors
/// As [`Agent::ask`].
pub(super) fn remove(agent: &Agent<'_>, job: &CronJob) -> Result<ExitCode, Error> {
    let answer = agent.ask(json!({ "method": "cron.remove", "name": job.name }))?;
    if job.json {
        output::json(&answer)?;
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Starts a run of a job and prints its task's id.
///
/// # Errors
/// As [`Agent::ask`].
pub(super) fn run(agent: &Agent<'_>, job: &CronJob) -> Result<ExitCode, Error> {
    let answer = agent.ask(json!({ "method": "cron.run", "name": job.name }))?;
    let text = query::data(&answer)?;
    if job.json {
        output::json(text)?;
    } else {
        let started: Started = serde_json::from_str(text).map_err(|error| query::unreadable(&error))?;
        output::bytes(format!("{}\n", one_line(&started.task)).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}
