//! `cron list` and `cron history`: an agent's jobs and their runs, as tables or as the agent's own JSON.

use super::agent::Agent;
use super::instant::{self, Given};
use super::zone::Choice;
use crate::cli::{CronHistory, CronList};
use crate::error::Error;
use crate::{exit, output, query, table};
use agent_cron::Zone;
use agent_wire::json::one_line;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::process::ExitCode;

/// Jobs asked for at once, the most that an agent tells.
const PAGE: usize = 1000;

/// A job as the agent tells it (§7); times are RFC 3339, UTC.
#[derive(Deserialize)]
struct Job {
    name: String,
    schedule: String,
    timezone: Option<String>,
    user: Option<String>,
    enabled: bool,
    next: Vec<String>,
    #[serde(default)]
    running: u64,
    last: Option<Run>,
}

/// A run likewise.
#[derive(Deserialize)]
struct Run {
    task: String,
    state: String,
    due: Option<String>,
    started: Option<String>,
    ended: Option<String>,
    retcode: Option<u64>,
    message: Option<String>,
}

/// Prints all jobs.
///
/// # Errors
/// As [`Agent::ask`]; [`Error::NotAsked`] for an answer that can't be read.
pub(super) fn list(agent: &Agent<'_>, list: &CronList) -> Result<ExitCode, Error> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut texts: Vec<Box<RawValue>> = Vec::new();
    loop {
        let mut request = json!({ "method": "cron.list", "limit": PAGE });
        if let Some(last) = jobs.last() {
            request["after"] = last.name.as_str().into();
        }
        let answer = agent.ask(request)?;
        let page: Vec<Box<RawValue>> = serde_json::from_str(query::data(&answer)?).map_err(unreadable)?;
        let count = page.len();
        for text in page {
            jobs.push(serde_json::from_str(text.get()).map_err(unreadable)?);
            texts.push(text);
        }
        if count < PAGE {
            break;
        }
    }
    if list.json {
        output::json(&serde_json::to_string(&texts).expect("JSON goes to memory"))?;
    } else {
        let mut zones = Choice::new(None);
        let rows: Vec<_> = jobs.iter().map(|job| row(job, &mut zones)).collect();
        let head = ["NAME", "SCHEDULE", "USER", "ENABLED", "NEXT", "LAST"];
        output::bytes(table::text(head, &rows).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn row(job: &Job, zones: &mut Choice) -> [String; 6] {
    let zone = job.timezone.as_deref().and_then(|name| zones.of(Some(name)).ok());
    let told = |time: &String| local(time, zone.as_ref().unwrap_or(&Zone::utc()));
    let last = match &job.last {
        _ if job.running > 0 => "running".to_owned(),
        Some(run) => format!("{} {}", run.ended.as_ref().map_or_else(dash, told), outcome(run)),
        None => dash(),
    };
    [
        one_line(&job.name),
        one_line(&job.schedule),
        job.user.as_deref().map_or_else(|| "root".to_owned(), one_line),
        if job.enabled { "yes" } else { "no" }.to_owned(),
        job.next.first().map_or_else(dash, told),
        last,
    ]
}

/// Prints the runs of a job that the agent knows, newest first.
///
/// # Errors
/// As [`list`].
pub(super) fn history(agent: &Agent<'_>, history: &CronHistory) -> Result<ExitCode, Error> {
    let request = json!({ "method": "cron.history", "name": history.name, "limit": history.count });
    let answer = agent.ask(request)?;
    let text = query::data(&answer)?;
    if history.json {
        output::json(text)?;
    } else {
        let runs: Vec<Run> = serde_json::from_str(text).map_err(unreadable)?;
        let cell = |text: &Option<String>| text.as_deref().map_or_else(dash, one_line);
        let row = |run: &Run| {
            let Run { task, state, due, started, ended, .. } = run;
            [cell(due), one_line(state), cell(started), cell(ended), outcome(run), one_line(task)]
        };
        let rows: Vec<_> = runs.iter().map(row).collect();
        let head = ["DUE", "STATE", "STARTED", "ENDED", "OUTCOME", "TASK"];
        output::bytes(table::text(head, &rows).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn outcome(run: &Run) -> String {
    match (run.retcode, &run.message) {
        (Some(retcode), Some(message)) => format!("{retcode} {}", one_line(message)),
        _ => dash(),
    }
}

/// A time as the zone's clocks show it; what is no time stays as it is.
fn local(text: &str, zone: &Zone) -> String {
    match Given::parse(text) {
        Ok(time) => instant::local(time.unix(&Zone::utc()), zone),
        Err(_) => one_line(text),
    }
}

fn dash() -> String {
    "-".to_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Error {
    query::unreadable(&error)
}
