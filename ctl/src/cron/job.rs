//! `cron set`, `cron remove` and `cron run`: change or start one job of an agent.

use super::zone::Choice;
use crate::agent::Agent;
use crate::cli::{CronJob, CronSet};
use crate::error::Error;
use crate::terminal::caret;
use crate::terminal::safe;
use crate::{clock, command, exit, output, query};
use agent_cron::{Expression, Zone};
use agent_wire::Method;
use agent_wire::message::Bash;
use agent_wire::reply::{JobPlan, StartedRun};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Sets a job and prints when it runs.
///
/// # Errors
/// As [`Agent::request`]; [`Error::Unavailable`] if the command cannot be sent.
pub(super) fn set(agent: &Agent<'_>, set: &CronSet) -> Result<ExitCode, Error> {
    // The agent would report the error too, but only here is there a place to mark.
    let expression = match Expression::parse(&set.schedule) {
        Ok(expression) => expression,
        Err(error) => {
            output::error(&error);
            output::error_lines(&caret::mark(&set.schedule, error.offset()));
            return Ok(ExitCode::from(exit::FAILED));
        }
    };
    let bash = Bash { timeout: set.timeout, ..command::bash(&set.command)? };
    let mut request = serde_json::to_value(&bash).expect("a command serializes to memory");
    request["method"] = Method::CronSet.name().into();
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
    let reply = agent.request(request)?;
    let text = query::data(&reply)?;
    if set.json {
        output::json(text)?;
    } else {
        let plan: JobPlan =
            serde_json::from_str(text).map_err(|error| query::unreadable(&error))?;
        for warning in &plan.warnings {
            output::error(&format_args!("warning: {warning}"));
        }
        let mut text = format!("{}\n\n", expression.explain());
        let _ = writeln!(text, "{:10}{}", "schedule", safe(&plan.schedule));
        let zone = expression.zone_name().or(set.tz.as_deref());
        let zone = Choice::new(None).of(zone).unwrap_or_else(|_| Zone::utc());
        for (index, time) in plan.next.iter().enumerate() {
            let name = if index == 0 { "next" } else { "" };
            let _ = writeln!(text, "{name:10}{}", clock::shown(time, &zone));
        }
        output::bytes(text.as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Removes a job.
///
/// # Errors
/// As [`Agent::request`].
pub(super) fn remove(agent: &Agent<'_>, job: &CronJob) -> Result<ExitCode, Error> {
    let reply = agent.request(json!({ "method": Method::CronRemove.name(), "name": job.name }))?;
    if job.json {
        output::json(&reply)?;
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Starts a run of a job and prints its task's id.
///
/// # Errors
/// As [`Agent::request`].
pub(super) fn run(agent: &Agent<'_>, job: &CronJob) -> Result<ExitCode, Error> {
    let reply = agent.request(json!({ "method": Method::CronRun.name(), "name": job.name }))?;
    let text = query::data(&reply)?;
    if job.json {
        output::json(text)?;
    } else {
        let started: StartedRun<'_> =
            serde_json::from_str(text).map_err(|error| query::unreadable(&error))?;
        output::bytes(format!("{}\n", safe(&started.task)).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}
