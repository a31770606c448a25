//! History: what ran where, by run, host, operator, time and end.

use crate::{Problem, TargetState};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// The query of a page of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Only this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only runs that this operator applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Only targets that last changed at this time or later: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: Option<String>,
    /// Only targets that last changed before this time: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until: Option<String>,
    /// Only targets in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<TargetState>,
    /// The most entries in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A page of the history, newest change first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryList {
    /// The entries.
    pub entries: Vec<HistoryEntry>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One host of one run: what was asked, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// The number of its last change.
    pub change: u64,
    /// The run's id.
    pub run: String,
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// Who applied the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The request's method.
    #[schema(example = "async.bash")]
    pub method: String,
    /// The command, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<String>,
    /// How it ended, or how far it is.
    pub state: TargetState,
    /// The command's exit status, or the agent's retcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Why it is in this state, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When the request was sent: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub sent_at: Option<String>,
    /// When it ended: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub ended_at: Option<String>,
    /// The digest of its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The query of an export of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Only this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Only this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only runs that this operator applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Only targets that last changed at this time or later: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: Option<String>,
    /// Only targets that last changed before this time: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until: Option<String>,
    /// Only targets in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<TargetState>,
    /// Whether each line has the agent's result, verbatim.
    pub results: bool,
}

/// A line of an export, for the API's document: a client tells lines apart by their fields.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ExportedLine {
    /// An entry.
    Entry(ExportLine),
    /// The last line of an export that is whole.
    End(ExportEnd),
    /// Why the export was cut off, as the last line.
    Problem(Problem),
}

/// An entry in an export, newest change first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExportLine {
    /// The entry.
    pub entry: HistoryEntry,
    /// The agent's event or reply, verbatim; absent unless asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Box<RawValue>>,
}

/// The last line of an export that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportEnd {
    /// The lines before this one.
    pub exported: u64,
}
