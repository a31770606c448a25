//! `cron list` and `cron history`: print an agent's jobs and their runs, as tables or as the
//! agent's own JSON.

use super::zone::Choice;
use crate::agent::Agent;
use crate::cli::{CronHistory, CronList};
use crate::error::Error;
use crate::print::table;
use crate::task::outcome;
use crate::terminal::safe;
use crate::{clock, exit, output, query};
use agent_cron::Zone;
use agent_wire::Method;
use agent_wire::reply::{JobStatus, TaskStatus};
use serde_json::json;
use serde_json::value::RawValue;
use std::process::ExitCode;

/// Jobs in one request, the most that an agent sends.
const PAGE: usize = 1000;

/// Prints all jobs.
///
/// # Errors
/// As [`Agent::request`]; [`Error::Unavailable`] for an unreadable reply.
pub(super) fn list(agent: &Agent<'_>, list: &CronList) -> Result<ExitCode, Error> {
    let jobs = all(agent)?;
    if list.json {
        let texts: Vec<&RawValue> = jobs.iter().map(|(text, _)| &**text).collect();
        output::json(&serde_json::to_string(&texts).expect("JSON serializes to memory"))?;
    } else {
        let mut zones = Choice::new(None);
        let rows: Vec<_> = jobs.iter().map(|(_, job)| row(job, &mut zones)).collect();
        let head = ["NAME", "SCHEDULE", "USER", "ENABLED", "NEXT", "LAST"];
        output::bytes(table::text(head, &rows).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Returns an agent's jobs, each also as the agent wrote it.
///
/// # Errors
/// As [`list`].
pub(crate) fn all(agent: &Agent<'_>) -> Result<Vec<(Box<RawValue>, JobStatus<'static>)>, Error> {
    let mut jobs: Vec<(Box<RawValue>, JobStatus<'static>)> = Vec::new();
    loop {
        let mut request = json!({ "method": Method::CronList.name(), "limit": PAGE });
        if let Some((_, last)) = jobs.last() {
            request["after"] = (*last.name).into();
        }
        let reply = agent.request(request)?;
        let page: Vec<Box<RawValue>> =
            serde_json::from_str(query::data(&reply)?).map_err(unreadable)?;
        let count = page.len();
        for text in page {
            let job = serde_json::from_str(text.get()).map_err(unreadable)?;
            jobs.push((text, job));
        }
        if count < PAGE {
            return Ok(jobs);
        }
    }
}

fn row(job: &JobStatus<'_>, zones: &mut Choice) -> [String; 6] {
    let zone = job.timezone.as_deref().and_then(|name| zones.of(Some(name)).ok());
    let zone = zone.unwrap_or_else(Zone::utc);
    let shown = |time: &String| clock::shown(time, &zone);
    let last = match &job.last {
        _ if job.running > 0 => "running".to_owned(),
        Some(run) => format!("{} {}", run.ended.as_ref().map_or_else(dash, shown), outcome(run)),
        None => dash(),
    };
    [
        safe(&job.name),
        safe(&job.schedule),
        job.user.as_deref().map_or_else(|| "root".to_owned(), safe),
        if job.enabled { "yes" } else { "no" }.to_owned(),
        job.next.first().map_or_else(dash, shown),
        last,
    ]
}

/// Prints the runs of a job, newest first.
///
/// # Errors
/// As [`list`].
pub(super) fn history(agent: &Agent<'_>, history: &CronHistory) -> Result<ExitCode, Error> {
    let method = Method::CronHistory.name();
    let request = json!({ "method": method, "name": history.name, "limit": history.count });
    let reply = agent.request(request)?;
    let text = query::data(&reply)?;
    if history.json {
        output::json(text)?;
    } else {
        let runs: Vec<TaskStatus<'_>> = serde_json::from_str(text).map_err(unreadable)?;
        let zone = clock::here();
        let cell = |time: &Option<String>| clock::cell(time.as_ref(), &zone);
        let row = |run: &TaskStatus<'_>| {
            let TaskStatus { task, state, due, started, ended, .. } = run;
            let state = state.word().to_owned();
            [cell(due), state, cell(started), cell(ended), outcome(run), safe(task)]
        };
        let rows: Vec<_> = runs.iter().map(row).collect();
        let head = ["DUE", "STATE", "STARTED", "ENDED", "OUTCOME", "TASK"];
        output::bytes(table::text(head, &rows).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn dash() -> String {
    "-".to_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Error {
    query::unreadable(&error)
}
