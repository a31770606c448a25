//! `agent.info` and `agent.methods`: the agent about itself (§8).

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `agent.info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentInfo<'a> {
    /// The agent's version.
    pub version: Cow<'a, str>,
    /// The protocol's version.
    pub protocol: u32,
    /// The host's identity.
    pub host_id: Cow<'a, str>,
    /// Where the host's certificate comes from: `files` (`[tls]`), `enrolled`, or one of the states
    /// on the way there: `joining`, `pending`, `recovering`, `refused`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub identity: Cow<'a, str>,
    /// The end of the certificate that the host joined with: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_not_after: Option<String>,
    /// The beginning of that certificate, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_not_before: Option<String>,
    /// How many keys the host has had since it joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The address of the server that the channel leads to; absent without a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_to: Option<String>,
    /// When the channel opened; without one, when the last one ended or the agent started.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub connection_since: Cow<'a, str>,
    /// The agent's process.
    pub pid: u32,
    /// When the agent started.
    pub started: String,
    /// Whole seconds since then, on a clock that nobody sets.
    pub uptime_seconds: u64,
    /// Messages received since then.
    pub requests_taken: u64,
    /// Requests that have no reply yet.
    pub requests_running: usize,
    /// Tasks that wait for a place to run.
    pub tasks_waiting: usize,
    /// Tasks that run.
    pub tasks_running: usize,
    /// Results that no controller has acknowledged.
    pub results_unacknowledged: usize,
    /// Results of jobs that were dropped, unacknowledged, to make room for newer ones.
    pub results_dropped: u64,
    /// Scheduled jobs, those of crontab files included.
    pub jobs: usize,
    /// The problems in crontab files, one line each.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub crontab_problems: Cow<'a, [String]>,
    /// The last errors and warnings of the agent's log, oldest first; at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_errors: Vec<String>,
}

/// One method of `agent.methods`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodSummary<'a> {
    /// Its name.
    pub method: Cow<'a, str>,
    /// Its purpose, in one line.
    pub summary: Cow<'a, str>,
}
