//! The targets of a run: one for each host, with its state, its result and its output.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// The state of a target: of one host in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Its turn has not come.
    Waiting,
    /// Its turn has come, and the host is offline.
    Queued,
    /// The request is on its way.
    Sent,
    /// The agent has accepted it.
    Running,
    /// The command ended with status 0, or the request did what it was asked.
    Succeeded,
    /// The command ended with another status, was killed, or the request failed.
    Failed,
    /// The command ran longer than its time-out.
    TimedOut,
    /// The host's policy, its state, or the operator's roles did not allow it.
    Refused,
    /// The agent did not understand it, or could not do it.
    Invalid,
    /// It was not started in time.
    Expired,
    /// The run stopped or was canceled before this host's turn.
    CanceledBeforeStart,
    /// The command was canceled while it ran.
    Canceled,
    /// The command's outcome is unknown: the host was reset or did not come back.
    Interrupted,
    /// The host was removed.
    Removed,
}

impl TargetState {
    /// Every state, in the order of a target's life.
    pub const ALL: [Self; 14] = [
        Self::Waiting,
        Self::Queued,
        Self::Sent,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Refused,
        Self::Invalid,
        Self::Expired,
        Self::CanceledBeforeStart,
        Self::Canceled,
        Self::Interrupted,
        Self::Removed,
    ];

    /// Returns the state's name, as it is in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::CanceledBeforeStart => "canceled_before_start",
            Self::Canceled => "canceled",
            Self::Interrupted => "interrupted",
            Self::Removed => "removed",
        }
    }

    /// Returns whether a target in this state has ended.
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Queued | Self::Sent | Self::Running)
    }
}

/// The query of a page of a run's targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TargetsQuery {
    /// Only targets in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<TargetState>,
    /// Only targets of this stage, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 32)]
    pub stage: Option<u32>,
    /// Only targets with this output, by its digest in `GET runs/{run}/outputs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The most targets in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A page of a run's targets, in the order of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetList {
    /// The targets.
    pub targets: Vec<Target>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One host of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The run's id.
    pub run: String,
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// Its stage, from 1.
    pub stage: u32,
    /// Its state.
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
    /// When the agent accepted it: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub accepted_at: Option<String>,
    /// When it ended: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub ended_at: Option<String>,
    /// The digest of its output, which hosts with the same output share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The number of the target's last change. It grows with each change of any target of any run.
    pub change: u64,
}

/// One host of a run, with its result.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TargetResult {
    /// The target.
    pub target: Target,
    /// The agent's event (`async.result`) or reply, verbatim; absent before either came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Box<RawValue>>,
}

/// The query of a stream of what a command prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TargetOutputQuery {
    /// The id of the last event that the client knows; the header `Last-Event-ID` counts rather.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "4096.0")]
    pub after: Option<String>,
}

/// Where a command prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Its standard output, which has its standard error too unless they were asked for apart.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl OutputStream {
    /// Returns the stream's name, as it is in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A part of what a command prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputPart {
    /// Where the command printed it.
    pub stream: OutputStream,
    /// Where the part begins, in bytes; beyond the `next` of the part before where the agent does
    /// not have what is between them anymore.
    pub offset: u64,
    /// Where the next part begins.
    pub next: u64,
    /// The part, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The part in base64, where it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// The query of a run's outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutputsQuery {
    /// The most groups, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
}

/// A run's ended targets, grouped by their output: the largest group first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputList {
    /// The groups.
    pub groups: Vec<OutputGroup>,
    /// Whether there are more groups than asked for.
    pub more: bool,
}

/// Targets that ended alike, with the same output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputGroup {
    /// The digest of the output.
    pub digest: String,
    /// The targets with it.
    pub count: u64,
    /// How they ended.
    pub state: TargetState,
    /// The command's exit status, or the agent's retcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Some of the hosts, 10 at most.
    pub hosts: Vec<String>,
    /// The first characters of the output: JSON if it is an object, base64 if it is no text.
    pub head: String,
    /// Whether there is more of it.
    pub truncated: bool,
    /// Whether `head` is base64.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base64: bool,
}
