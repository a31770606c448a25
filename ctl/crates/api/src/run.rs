//! Runs: plans that are applied, and how they go.

use crate::{AgentRequest, PlanOptions, Target, TargetState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The media type of a run's events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// The header by which a stream of events resumes: the last event's id that the client has seen.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// The longest time for which changes are gathered in one page, in milliseconds.
pub const MAX_GATHER_MILLIS: u64 = 1000;

/// A plan, applied or not, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The id, which is the plan's too.
    #[schema(example = "0195f3a2c7b070008a4e5d1c2b3a4f60")]
    pub id: String,
    /// The plan's hash.
    pub hash: String,
    /// How far the run is.
    pub state: RunState,
    /// How it ended; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
    /// Why it stopped, or what it waits for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its hosts by state: `total` is the sum of all others.
    pub equation: Equation,
    /// Its stages.
    pub stages: Vec<RunStage>,
    /// The request as given, without input and the values of variables.
    pub request: AgentRequest,
    /// The hosts by labels, if they were given so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// How the request reaches the hosts.
    pub options: PlanOptions,
    /// Who made the plan.
    pub created_by: String,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: String,
    /// Until when the plan can be applied: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T10:30:00Z")]
    pub valid_until: String,
    /// Who applied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_by: Option<String>,
    /// When: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub applied_at: Option<String>,
    /// When the run ended: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub ended_at: Option<String>,
    /// The newest change of a target: changes after it are yet to come.
    pub change: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is a plan, which can be applied.
    Planned,
    /// It goes on.
    Running,
    /// Nothing more is sent; what runs goes on to its end.
    Stopping,
    /// Each of its targets has ended.
    Ended,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Each target had its turn.
    Completed,
    /// Too many failures stopped it.
    Stopped,
    /// An operator canceled it.
    Canceled,
    /// Nobody applied the plan in time.
    Expired,
}

/// A run's targets by state: `total` is the sum of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Equation {
    /// All targets.
    pub total: u64,
    /// Targets in the state `waiting`.
    pub waiting: u64,
    /// Targets in the state `queued`.
    pub queued: u64,
    /// Targets in the state `sent`.
    pub sent: u64,
    /// Targets in the state `running`.
    pub running: u64,
    /// Targets in the state `succeeded`.
    pub succeeded: u64,
    /// Targets in the state `failed`.
    pub failed: u64,
    /// Targets in the state `timed_out`.
    pub timed_out: u64,
    /// Targets in the state `refused`.
    pub refused: u64,
    /// Targets in the state `invalid`.
    pub invalid: u64,
    /// Targets in the state `expired`.
    pub expired: u64,
    /// Targets in the state `canceled_before_start`.
    pub canceled_before_start: u64,
    /// Targets in the state `canceled`.
    pub canceled: u64,
    /// Targets in the state `interrupted`.
    pub interrupted: u64,
    /// Targets in the state `removed`.
    pub removed: u64,
}

impl Equation {
    /// Returns the count of a state.
    pub const fn of(&self, state: TargetState) -> u64 {
        match state {
            TargetState::Waiting => self.waiting,
            TargetState::Queued => self.queued,
            TargetState::Sent => self.sent,
            TargetState::Running => self.running,
            TargetState::Succeeded => self.succeeded,
            TargetState::Failed => self.failed,
            TargetState::TimedOut => self.timed_out,
            TargetState::Refused => self.refused,
            TargetState::Invalid => self.invalid,
            TargetState::Expired => self.expired,
            TargetState::CanceledBeforeStart => self.canceled_before_start,
            TargetState::Canceled => self.canceled,
            TargetState::Interrupted => self.interrupted,
            TargetState::Removed => self.removed,
        }
    }

    /// Returns how many targets have ended.
    pub fn ended(&self) -> u64 {
        let ended = TargetState::ALL.into_iter().filter(|state| state.is_end());
        ended.map(|state| self.of(state)).sum()
    }
}

/// One stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStage {
    /// The targets of the stage.
    pub size: u64,
    /// Those of them that have ended.
    pub ended: u64,
    /// Those of them that have ended without success.
    pub failed: u64,
}

/// The query of a page of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunsQuery {
    /// Only runs in this state. Without it, plans that nobody has applied are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Only runs of this operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Only runs that have this host among their targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only runs that were made at this time or later: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: Option<String>,
    /// Only runs that were made before this time: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until: Option<String>,
    /// The most runs in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of runs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunList {
    /// The runs.
    pub runs: Vec<Run>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which targets a new plan takes over from a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Again {
    /// The targets in these states, which are end states; all that ended without success unless
    /// given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 10)]
    pub states: Option<Vec<TargetState>>,
}

/// The query of a page of a run's changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The number of the last change that the client knows; 0 starts with the first.
    pub after: u64,
    /// The most targets in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// Where there is no such change yet, how long to wait for one: seconds, at most 60.
    #[param(maximum = 60, default = 0)]
    pub wait: u64,
    /// How long to go on gathering changes after the first one, unless the page is full or the run
    /// has ended: milliseconds, at most 1000.
    #[param(maximum = 1000, default = 0)]
    pub gather: u64,
}

/// Targets that have changed, ordered by the number of their last change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeList {
    /// The run, as it is after these changes or later.
    pub run: Run,
    /// The targets.
    pub targets: Vec<Target>,
    /// The next page's `after`: the number of the last change in this page, or the `after` that was
    /// asked for.
    pub next: u64,
    /// Whether no more changes are to come: the run has ended, and this page goes to its end.
    pub last: bool,
}

/// The query of a run's stream of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventStreamQuery {
    /// The number of the last change that the client knows; the header `Last-Event-ID` counts
    /// rather.
    pub after: u64,
}
