//! `status`: an agent about itself, and whether it is well. `health` judges.

mod health;

use crate::agent::Agent;
use crate::error::Error;
use crate::terminal::safe;
use crate::{clock, cron, output, query};
use agent_wire::Method;
use agent_wire::reply::AgentInfo;
use health::Health;
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt::Write as _;
use std::process::ExitCode;

/// The jobs that are shown, the next ones that are due.
const MAX_JOBS: usize = 5;

/// The number of the form of `--json`; members may be added to a form.
const FORM: u32 = 1;

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    form: u32,
    state: &'static str,
    reasons: &'a [String],
    /// The data of `agent.info`; absent if the agent does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a RawValue>,
    next_jobs: Vec<Due>,
}

/// A job and the time at which it is due.
#[derive(Serialize)]
struct Due {
    due: String,
    name: String,
}

/// Prints the agent's state. The exit status is that of monitoring plugins ([`health::State`]); an
/// agent that does not answer is unknown.
///
/// # Errors
/// When the state cannot be printed.
pub(crate) fn run(agent: &Agent<'_>, json: bool) -> Result<ExitCode, Error> {
    match print(agent, json) {
        Ok(health) => Ok(ExitCode::from(health.state as u8)),
        Err(error @ Error::Output(_)) => Err(error),
        Err(error) => {
            let health = Health::unknown(error.chain().to_string());
            match json {
                true => document(&health, None, Vec::new())?,
                false => output::error(&error.chain()),
            }
            Ok(ExitCode::from(health.state as u8))
        }
    }
}

fn print(agent: &Agent<'_>, json: bool) -> Result<Health, Error> {
    let reply = agent.request(serde_json::json!({ "method": Method::AgentInfo.name() }))?;
    let data = query::data(&reply)?;
    let info: AgentInfo<'_> =
        serde_json::from_str(data).map_err(|error| query::unreadable(&error))?;
    let health = Health::of(&info, clock::now());
    let jobs = if info.jobs > 0 { next_jobs(agent)? } else { Vec::new() };
    if json {
        let data = serde_json::from_str(data).map_err(|error| query::unreadable(&error))?;
        document(&health, Some(data), jobs)?;
    } else {
        output::bytes(text(&info, &health, &jobs).as_bytes())?;
    }
    Ok(health)
}

fn document(health: &Health, agent: Option<&RawValue>, next_jobs: Vec<Due>) -> Result<(), Error> {
    let (state, reasons) = (health.state.name(), &health.reasons[..]);
    let document = Document { form: FORM, state, reasons, agent, next_jobs };
    let text = serde_json::to_string(&document).expect("a document serializes to memory");
    output::json(&text)
}

/// Returns the jobs that are due next, soonest first.
fn next_jobs(agent: &Agent<'_>) -> Result<Vec<Due>, Error> {
    let mut due: Vec<Due> = cron::jobs(agent)?
        .into_iter()
        .map(|(_, job)| job)
        .filter(|job| job.enabled)
        .filter_map(|job| {
            let due = job.next.into_iter().next()?;
            Some(Due { due, name: job.name.into_owned() })
        })
        .collect();
    // One zone and one form: the texts are in the order of the times.
    due.sort_by(|a, b| (&a.due, &a.name).cmp(&(&b.due, &b.name)));
    due.truncate(MAX_JOBS);
    Ok(due)
}

fn text(info: &AgentInfo<'_>, health: &Health, jobs: &[Due]) -> String {
    let mut text = String::new();
    let here = clock::here();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name:10}{value}");
    };
    line("state", &health.state.name());
    for reason in &health.reasons {
        line("", &safe(reason));
    }
    line("host id", &safe(&info.host_id));
    if !info.identity.is_empty() {
        line("identity", &identity(info));
    }
    match &info.connected_to {
        Some(server) => {
            let since = clock::shown(&info.connection_since, &here);
            line("server", &format_args!("{}, since {since}", safe(server)));
        }
        None if info.connection_since.is_empty() => {}
        None => {
            let since = clock::shown(&info.connection_since, &here);
            line("server", &format_args!("none since {since}"));
        }
    }
    line("version", &format_args!("{}, protocol {}", safe(&info.version), info.protocol));
    line("process", &info.pid);
    line("started", &clock::shown(&info.started, &here));
    line(
        "requests",
        &format_args!("{} running, {} received", info.requests_running, info.requests_taken),
    );
    line("tasks", &format_args!("{} running, {} waiting", info.tasks_running, info.tasks_waiting));
    line(
        "results",
        &format_args!(
            "{} not acknowledged, {} discarded",
            info.results_unacknowledged, info.results_dropped
        ),
    );
    line("jobs", &info.jobs);
    for job in jobs {
        line("next", &format_args!("{} {}", clock::shown(&job.due, &here), safe(&job.name)));
    }
    for error in &info.last_errors {
        line("log", &safe(error));
    }
    text
}

/// Returns where the host's certificate comes from and, if it has joined, how long it is good.
fn identity(info: &AgentInfo<'_>) -> String {
    let mut text = safe(&info.identity);
    if let Some(end) = &info.certificate_not_after {
        text.push_str(&format!(", certificate until {}", clock::shown(end, &clock::here())));
    }
    if let Some(generation) = info.generation {
        text.push_str(&format!(", generation {generation}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_joined_shows_how_long_its_certificate_is_good() {
        let info = r#"{"version":"1","protocol":1,"host_id":"h","identity":"enrolled",
            "certificate_not_after":"2026-12-05T13:23:22Z","generation":3,"pid":2,"started":"s",
            "uptime_seconds":3,"requests_taken":4,"requests_running":5,"tasks_waiting":6,
            "tasks_running":7,"results_unacknowledged":8,"results_dropped":9,"jobs":10}"#;
        let info: AgentInfo<'_> = serde_json::from_str(info).unwrap();
        let shown = text(&info, &Health::of(&info, 0), &[]);
        assert!(shown.contains("\nidentity  enrolled, certificate until "), "{shown}");
        assert!(shown.contains("2026") && shown.contains(", generation 3\n"), "{shown}");
    }
}
