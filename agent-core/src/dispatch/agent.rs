//! `agent.info` and `agent.methods`: the agent about itself (§8).

use super::failure::Routed;
use super::reply;
use super::route::Call;
use super::ticket::IdKind;
use crate::logging;
use agent_wire::Method;
use agent_wire::reply::{AgentInfo, MethodSummary};
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

/// What does not change while the agent runs.
pub(super) struct About {
    started: SystemTime,
    since: Instant,
}

impl About {
    /// Notes the time; called when the agent starts.
    pub(super) fn new() -> Self {
        Self { started: SystemTime::now(), since: Instant::now() }
    }
}

/// `agent.info`.
pub(super) fn info(call: &Call<'_>) -> Routed {
    let (dispatcher, services) = (call.dispatcher, call.services());
    let About { started, since } = &dispatcher.about;
    let standing = services.upkeep.standing();
    let tasks = services.tasks.counts();
    let problems = services.scheduler.problems();
    let info = AgentInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        protocol: agent_wire::PROTOCOL_VERSION,
        certificate_not_after: standing.end(),
        certificate_not_before: standing.begin(),
        connected_to: standing.server.map(|address| address.to_string()),
        connection_since: humantime::format_rfc3339_seconds(standing.since.unwrap_or(*started))
            .to_string()
            .into(),
        generation: standing.generation,
        identity: standing.state.name().into(),
        host_id: standing.host_id.into(),
        pid: std::process::id(),
        started: humantime::format_rfc3339_seconds(*started).to_string(),
        uptime_seconds: since.elapsed().as_secs(),
        requests_taken: dispatcher.received.load(Ordering::Relaxed),
        requests_running: dispatcher.running.count(),
        tasks_waiting: tasks.waiting,
        tasks_running: tasks.running,
        results_unacknowledged: tasks.undelivered,
        results_dropped: services.tasks.results_dropped(),
        jobs: tasks.jobs,
        crontab_problems: Cow::Borrowed(&problems),
        last_errors: logging::last_errors(),
    };
    reply::with_data(call.id(), &info).map(Some)
}

/// `agent.methods`: the agent's own methods, then those of the plugins.
pub(super) fn methods(call: &mut Call<'_>) -> Routed {
    call.later(IdKind::Request, Vec::new(), |id, services, _| async move {
        let own = Method::OWN.iter().map(|method| MethodSummary {
            method: method.name().to_owned().into(),
            summary: method.summary().unwrap_or_default().into(),
        });
        let provided = services.plugins.methods().await.into_iter();
        let provided = provided.map(|(method, summary)| MethodSummary {
            method: method.into(),
            summary: summary.into(),
        });
        let all: Vec<MethodSummary<'_>> = own.chain(provided).collect();
        reply::with_data(&id, &all)
    })
}
