//! The results of tasks that the controller has stored.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// Results in one page, unless [`ResultsQuery::limit`] says otherwise.
pub const DEFAULT_RESULTS: usize = 100;

/// The most results that a client may ask for in one page.
pub const MAX_RESULTS: usize = 1000;

/// The longest wait for a result, in seconds.
pub const MAX_WAIT_SECONDS: u64 = 60;

/// The query of a page of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultsQuery {
    /// The sequence number of the last result that the client knows; 0 starts with the first.
    #[param(example = 0)]
    pub after: i64,
    /// The most results in the page, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
}

/// The query of one task's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultQuery {
    /// How long to wait for a result that is not there yet: seconds, at most
    /// 60.
    #[param(maximum = 60, default = 0)]
    pub wait: u64,
}

/// A page of one host's results, oldest first. It holds fewer results than asked for when they are
/// large, and none when there are no more yet.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResultPage {
    /// The results.
    pub results: Vec<StoredResult>,
    /// The next page's `after`; absent in a page without results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// A stored result.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StoredResult {
    /// The result's number. It grows with each result of any host and is never reused.
    #[schema(example = 4711)]
    pub sequence: i64,
    /// When the controller stored the result: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00.123Z")]
    pub received: String,
    /// The task's id.
    #[schema(example = "nightly-42")]
    pub task: String,
    /// The agent's event (`async.result` or `cron.result`), verbatim.
    #[schema(value_type = Object)]
    pub result: Box<RawValue>,
}

/// A page of a host's ended tasks, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostTaskList {
    /// The tasks: commands that were started as tasks, and runs of schedules.
    pub tasks: Vec<HostTask>,
    /// The `before` of the next page; null if this is the last one.
    pub next: Option<i64>,
}

/// A task of a host that has ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostTask {
    /// The result's number. It grows with each result of any host and is never reused.
    #[schema(example = 4711)]
    pub sequence: i64,
    /// When the controller stored the result: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00.123Z")]
    pub received: String,
    /// The task's id.
    #[schema(example = "nightly-42")]
    pub task: String,
    /// Bytes of the agent's event, output included.
    pub bytes: u64,
    /// The agent's event (`async.result` or `cron.result`) without its output.
    #[schema(value_type = Object)]
    pub result: Box<RawValue>,
}
