//! `agent.info` and `agent.methods`: what the agent says of itself (§8).

use super::{METHODS, reply};
use crate::plugin::Plugins;
use crate::task::Counts;
use agent_wire::message::Response;
use serde::Serialize;
use std::time::{Instant, SystemTime};

/// What does not change while the agent runs.
pub(super) struct About {
    host_id: String,
    started: SystemTime,
    since: Instant,
}

#[derive(Serialize)]
struct Info<'a> {
    version: &'static str,
    protocol: u32,
    host_id: &'a str,
    pid: u32,
    started: String,
    uptime_seconds: u64,
    requests_taken: u64,
    requests_running: usize,
    tasks_waiting: usize,
    tasks_running: usize,
    results_unacknowledged: usize,
    /// Results of jobs that nobody took in time and that gave way to newer ones.
    results_given_way: u64,
    jobs: usize,
    /// What is wrong with the crontab files.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    crontab_problems: &'a [String],
}

#[derive(Serialize)]
struct Method {
    method: String,
    summary: String,
}

impl About {
    /// Taken at the agent's start.
    pub(super) fn new(host_id: &str) -> Self {
        Self { host_id: host_id.to_owned(), started: SystemTime::now(), since: Instant::now() }
    }

    /// The answer to `agent.info`.
    pub(super) fn info(
        &self,
        id: &str,
        (taken, running): (u64, usize),
        (tasks, given_way): (Counts, u64),
        crontab_problems: &[String],
    ) -> Response {
        let info = Info {
            version: env!("CARGO_PKG_VERSION"),
            protocol: agent_wire::PROTOCOL_VERSION,
            host_id: &self.host_id,
            pid: std::process::id(),
            started: humantime::format_rfc3339_seconds(self.started).to_string(),
            uptime_seconds: self.since.elapsed().as_secs(),
            requests_taken: taken,
            requests_running: running,
            tasks_waiting: tasks.waiting,
            tasks_running: tasks.running,
            results_unacknowledged: tasks.undelivered,
            results_given_way: given_way,
            jobs: tasks.jobs,
            crontab_problems,
        };
        reply::with_data(id, &info)
    }
}

/// The answer to `agent.methods`: the agent's own, then what the plugins offer.
pub(super) async fn methods(id: &str, plugins: &Plugins) -> Response {
    let own = METHODS.iter().map(|(method, summary)| ((*method).to_owned(), (*summary).to_owned()));
    let offered = plugins.methods().await;
    let all: Vec<Method> = own.chain(offered).map(|(method, summary)| Method { method, summary }).collect();
    reply::with_data(id, &all)
}
