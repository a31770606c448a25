//! `agent.info` and `agent.methods`: what the agent says of itself (§8).

use super::reply;
use crate::plugin::Plugins;
use crate::task::Counts;
use agent_wire::Method;
use agent_wire::message::Response;
use agent_wire::reply::{AgentInfo, MethodSummary};
use std::time::{Instant, SystemTime};

/// What does not change while the agent runs.
pub(super) struct About {
    host_id: String,
    started: SystemTime,
    since: Instant,
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
        let info = AgentInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            protocol: agent_wire::PROTOCOL_VERSION,
            host_id: self.host_id.as_str().into(),
            pid: std::process::id(),
            started: humantime::format_rfc3339_seconds(self.started).to_string(),
            uptime_seconds: self.since.elapsed().as_secs(),
            requests_taken: taken,
            requests_running: running,
            tasks_waiting: tasks.waiting,
            tasks_running: tasks.running,
            results_unacknowledged: tasks.undelivered,
            results_dropped: given_way,
            jobs: tasks.jobs,
            crontab_problems: crontab_problems.into(),
        };
        reply::with_data(id, &info)
    }
}

/// The answer to `agent.methods`: the agent's own, then what the plugins offer.
pub(super) async fn methods(id: &str, plugins: &Plugins) -> Response {
    let own = Method::OWN.iter().map(|method| MethodSummary {
        method: method.name().to_owned().into(),
        summary: method.summary().unwrap_or_default().into(),
    });
    let offered = plugins.methods().await.into_iter();
    let offered =
        offered.map(|(method, summary)| MethodSummary { method: method.into(), summary: summary.into() });
    let all: Vec<MethodSummary<'_>> = own.chain(offered).collect();
    reply::with_data(id, &all)
}
