//! `status`: an agent about itself.

use crate::agent::Agent;
use crate::error::Error;
use crate::terminal::safe;
use crate::{clock, exit, output, query};
use agent_wire::Method;
use agent_wire::reply::AgentInfo;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Prints the agent's state.
///
/// # Errors
/// As [`Agent::request`]; [`Error::Unavailable`] for an unreadable reply.
pub(crate) fn run(agent: &Agent<'_>, json: bool) -> Result<ExitCode, Error> {
    let reply = agent.request(serde_json::json!({ "method": Method::AgentInfo.name() }))?;
    let data = query::data(&reply)?;
    if json {
        output::json(data)?;
    } else {
        let info: AgentInfo<'_> =
            serde_json::from_str(data).map_err(|error| query::unreadable(&error))?;
        output::bytes(text(&info).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(info: &AgentInfo<'_>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name:10}{value}");
    };
    line("host id", &safe(&info.host_id));
    if !info.identity.is_empty() {
        line("identity", &identity(info));
    }
    line("version", &format_args!("{}, protocol {}", safe(&info.version), info.protocol));
    line("process", &info.pid);
    line("started", &clock::shown(&info.started, &clock::here()));
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
    for problem in info.crontab_problems.iter() {
        line("problem", &safe(problem));
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
        let shown = text(&info);
        assert!(shown.contains("\nidentity  enrolled, certificate until "), "{shown}");
        assert!(shown.contains("2026") && shown.contains(", generation 3\n"), "{shown}");
    }
}
