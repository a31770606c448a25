//! Schedules: cron jobs for all hosts of a selector.

mod forecast;

pub use forecast::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The fields of a schedule: its hosts, and those of `cron.set` in PROTOCOL.md.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleEntry {
    /// The name; the job on hosts is `fleet:NAME`. A path that names the schedule gives it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "backup")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The hosts by labels, as in `role=db`; empty for all. It must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "role=db")]
    pub selector: Option<String>,
    /// The cron expression. It must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024, example = "0 30 2 * * *")]
    pub schedule: Option<String>,
    /// The command, for `/bin/sh -c`. It must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/usr/local/bin/backup")]
    pub cmd: Option<String>,
    /// The user that it runs as, by name or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "backup")]
    pub user: Option<String>,
    /// The group that it runs as, by name or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Seconds after which it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// The working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables of its environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// Its standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// `merge` or `separate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Bytes of output that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// `auto` or `base64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Limits: `memory`, `cpu`, `pids`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<BTreeMap<String, u64>>,
    /// The IANA name of the time zone; without it, each host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// `skip`, `queue` or `allow`: what happens when the run before has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// `skip` or `once`: what happens to runs that a host missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// Seconds within which one run makes up for those that were missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u64>,
    /// The most seconds by which a host delays each start, to spread the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<u64>,
    /// Whether it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The path of a calendar on the hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Its fields; those with their default are left out.
    pub entry: ScheduleEntry,
    /// The hash of all that hosts get.
    pub revision: String,
    /// The number of its version; the first is 1.
    pub version: i64,
    /// The expression in words.
    pub meaning: Option<String>,
    /// Parts of the expression that may not mean what they seem to.
    pub warnings: Vec<String>,
    /// Who created it.
    pub created_by: String,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: String,
    /// Who changed it last: its author, whose roles must allow its command on each host.
    pub changed_by: String,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub changed_at: String,
    /// The hosts on which it was tried, by how it stands there.
    pub hosts: ScheduleCounts,
}

/// How a schedule stands on the hosts on which it was tried. `schedules/NAME/hosts` lists also those
/// that it selects and that were not connected since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleCounts {
    /// Hosts that have it.
    pub applied: u64,
    /// Hosts with another revision.
    pub outdated: u64,
    /// Hosts whose policy refuses it.
    pub refused: u64,
    /// Hosts on which the author's roles do not allow it.
    pub not_allowed: u64,
    /// Hosts whose agent cannot set it.
    pub failed: u64,
}

/// A page of schedules, ordered by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleList {
    /// The schedules.
    pub schedules: Vec<Schedule>,
    /// The `after` of the next page; null if this is the last one.
    pub next: Option<String>,
}

/// Schedules to apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSet {
    /// The schedules; each has a name.
    pub schedules: Vec<ScheduleEntry>,
    /// Whether all other schedules are removed.
    #[serde(default)]
    pub prune: bool,
    /// The generation of a difference: if the schedules have changed since, nothing is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// What applying a set of schedules changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleDiff {
    /// The generation of the schedules that the set was compared with; after applying, the new one.
    pub generation: i64,
    /// Names of schedules that are new.
    pub added: Vec<String>,
    /// Schedules that change.
    pub changed: Vec<ChangedSchedule>,
    /// Names of schedules that go.
    pub removed: Vec<String>,
    /// How many stay as they are.
    pub unchanged: u64,
}

/// A schedule that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedSchedule {
    /// Its name.
    pub name: String,
    /// The fields that change.
    pub fields: Vec<ChangedField>,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedField {
    /// Its name.
    pub field: String,
    /// Its value now; absent for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<serde_json::Value>,
    /// Its value then; absent for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<serde_json::Value>,
}

/// How a schedule stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// The host has it.
    Applied,
    /// The host is to get it, or its newest revision, as soon as it is connected.
    Pending,
    /// The policy of the host refuses it.
    Refused,
    /// The author's roles do not allow the command on the host.
    NotAllowed,
    /// The agent cannot set or remove it.
    Failed,
    /// The host has it and is to lose it.
    Removing,
}

/// A schedule on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleHost {
    /// The host's id.
    pub host: String,
    /// How the schedule stands there.
    pub state: ScheduleState,
    /// Why it is not applied.
    pub why: Option<String>,
    /// Whether the host is connected.
    pub connected: bool,
    /// When it was last seen: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub last_seen: Option<String>,
    /// The revision that the host has.
    pub revision: Option<String>,
    /// Since when it has stood so: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// What was found changed on the host last, and was repaired.
    pub drift: Option<String>,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub drift_at: Option<String>,
}

/// A page of a schedule's hosts, ordered by id. With a filter it may be short, though there are more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleHostList {
    /// The hosts.
    pub hosts: Vec<ScheduleHost>,
    /// The `after` of the next page; null if this is the last one.
    pub next: Option<String>,
}

/// The query of a schedule's hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleHostsQuery {
    /// Only hosts on which the schedule stands so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub state: Option<ScheduleState>,
    /// The most entries in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The query of a list that is ordered by number, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct NewestQuery {
    /// The most entries in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
}

/// Versions of a schedule, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleHistory {
    /// The versions.
    pub versions: Vec<ScheduleVersion>,
    /// The `before` of the next page; null if this is the last one.
    pub next: Option<i64>,
}

/// A version of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleVersion {
    /// Its number; the first is 1.
    pub version: i64,
    /// Its fields; null where the schedule was removed.
    pub entry: Option<ScheduleEntry>,
    /// Who changed it.
    pub by: String,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub at: String,
}

/// Results of a schedule's runs, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScheduleResults {
    /// The results.
    pub results: Vec<ScheduleResult>,
    /// The `before` of the next page; null if this is the last one.
    pub next: Option<i64>,
}

/// A result of a schedule's run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScheduleResult {
    /// Its number.
    pub sequence: i64,
    /// The host's id.
    pub host: String,
    /// The task's id.
    pub task: String,
    /// When the controller received it: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub received: String,
    /// The result as the agent delivered it.
    #[schema(value_type = Object, additional_properties)]
    pub result: Box<RawValue>,
}

/// Hosts to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleCheck {
    /// The hosts by labels; empty for all that are connected.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "role=db")]
    pub selector: String,
}

/// What a look at hosts came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleChecked {
    /// Connected hosts that were to be looked at.
    pub hosts: u64,
    /// Those that were, within a minute; the others follow.
    pub done: u64,
    /// Jobs that were found removed or changed, and were repaired.
    pub drifted: u64,
}

/// The schedules of a host: those that select it, and those that it still has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostSchedules {
    /// The schedules, ordered by name.
    pub schedules: Vec<HostSchedule>,
}

/// A schedule, and how it stands on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostSchedule {
    /// The schedule's name.
    #[schema(example = "nightly-backup")]
    pub schedule: String,
    /// When it runs; absent once the schedule is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0 30 2 * * *")]
    pub expression: Option<String>,
    /// The zone of its times; absent where the host's own counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How it stands on the host.
    #[serde(flatten)]
    pub standing: ScheduleHost,
}

const fn yes() -> bool {
    true
}
