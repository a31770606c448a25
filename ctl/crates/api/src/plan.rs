//! Plans: a frozen list of hosts, with what would happen on each.

use crate::{AgentRequest, Amount, PlanBudget, Tolerance};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The most stages of a plan.
pub const MAX_STAGES: usize = 32;

/// The most hosts of a plan that names each.
pub const MAX_PLAN_HOSTS: usize = 10_000;

/// The most signatures of a plan.
pub const MAX_SIGNATURES: usize = 8;

/// The most bytes of a signature.
pub const MAX_SIGNATURE: usize = 4096;

/// The longest soak between two stages, in seconds: 7 days.
pub const MAX_SOAK_SECONDS: u64 = 7 * 86_400;

/// A request, the hosts that it is meant for, and how it reaches them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// The agents' request. A command (`async.bash` or `sync.bash`) travels as a task of the id
    /// `run:RUN`, so each host starts it at most once; its `max_output` is 64 KiB unless given.
    /// `getinfo.*`, `agent.*`, `cron.*` and `async.*` but `async.ack` travel as they are.
    pub request: AgentRequest,
    /// The hosts by labels, as in `env=prod,role in (web,db)`; empty for all. Either this or
    /// `hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096, example = "env=prod,role in (web,db)")]
    pub selector: Option<String>,
    /// The hosts by id. Either this or `selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 10000)]
    pub hosts: Option<Vec<String>>,
    /// How many hosts each stage reaches together with the stages before it, growing, the last one
    /// `100%`. One stage unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 32, example = json!(["1", "10%", "100%"]))]
    pub stages: Option<Vec<Amount>>,
    /// The seconds between the end of a stage and the start of the next one; 0 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 604800)]
    pub soak: Option<u64>,
    /// The failures in a stage, above which the next stage does not start; as `stop_after` unless
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed: Option<Tolerance>,
    /// How many hosts work at once; 500 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Amount>,
    /// Whether the run begins with one host at a time, then 2, 4, … up to `concurrency`; it does
    /// unless this is `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<bool>,
    /// The failures above which nothing more is sent; 0 unless given. What runs then ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<Tolerance>,
    /// When a host that has not started is not started anymore: RFC 3339, UTC. An hour after the
    /// plan is applied unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub not_after: Option<String>,
    /// Whether hosts that are offline are refused instead of waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_wait: bool,
}

/// What a plan is applied with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyPlan {
    /// Signatures of the plan's hash, at most 4096 bytes each. Agents get them with the request,
    /// beside a proof that they are in the plan; their policies may ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub signatures: Vec<String>,
}

/// A frozen list of hosts with what would happen on each. Applied, it is the run of the same id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// The id, of the plan and of its run.
    #[schema(example = "0195f3a2c7b070008a4e5d1c2b3a4f60")]
    pub id: String,
    /// The SHA-256 of the plan's canonical bytes, in hexadecimal.
    pub hash: String,
    /// Who made it.
    pub created_by: String,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: String,
    /// Until when it can be applied: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T10:30:00Z")]
    pub valid_until: String,
    /// Whether it has been applied.
    pub applied: bool,
    /// The hosts in the run.
    pub total: u64,
    /// The hosts by answer, also those that are not in the run.
    pub answers: Answers,
    /// How many hosts each stage adds.
    pub stages: Vec<PlanStage>,
    /// The budgets that hold for hosts of the plan.
    #[serde(default)]
    pub budgets: Vec<PlanBudget>,
    /// The request as given, without input and the values of variables.
    pub request: AgentRequest,
    /// The hosts by labels, if they were given so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// How the request reaches the hosts.
    pub options: PlanOptions,
}

/// How a request reaches its hosts, with each default filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanOptions {
    /// How many hosts each stage reaches together with those before it.
    pub stages: Vec<Amount>,
    /// The seconds between two stages.
    pub soak: u64,
    /// The failures in a stage, above which the next one does not start.
    pub max_failed: Tolerance,
    /// How many hosts work at once.
    pub concurrency: Amount,
    /// Whether the run begins with one host at a time, then 2, 4, ….
    pub ramp: bool,
    /// The failures above which nothing more is sent.
    pub stop_after: Tolerance,
    /// When nothing is started anymore: RFC 3339, UTC; absent until the plan is applied if it is an
    /// hour after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub not_after: Option<String>,
    /// Whether hosts that are offline are refused.
    pub no_wait: bool,
}

/// One stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanStage {
    /// The hosts that the stage adds.
    pub size: u64,
}

/// A plan's hosts by answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Answers {
    /// Hosts with the answer `online`.
    pub online: u64,
    /// Hosts with the answer `not_asked`.
    pub not_asked: u64,
    /// Hosts with the answer `queued`.
    pub queued: u64,
    /// Hosts with the answer `refused`.
    pub refused: u64,
    /// Hosts with the answer `invalid`.
    pub invalid: u64,
    /// Hosts with the answer `quarantined`.
    pub quarantined: u64,
    /// Hosts with the answer `pending`.
    pub pending: u64,
    /// Hosts with the answer `not_yours`.
    pub not_yours: u64,
}

/// What would happen on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The host is connected, and its agent would do it.
    Online,
    /// The host is connected, but its agent was not asked whether it would do it.
    NotAsked,
    /// The host is offline: it would be asked when it comes back.
    Queued,
    /// The host's agent would refuse it, or the host is offline and the plan does not wait.
    Refused,
    /// The host's agent does not understand it, or could not do it.
    Invalid,
    /// The host is quarantined, and gets no request.
    Quarantined,
    /// The host waits for an operator's approval, and gets no request.
    Pending,
    /// The operator's roles do not allow it on this host. It is not in the run.
    NotYours,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 8] = [
        Self::Online,
        Self::NotAsked,
        Self::Queued,
        Self::Refused,
        Self::Invalid,
        Self::Quarantined,
        Self::Pending,
        Self::NotYours,
    ];

    /// Returns the answer's name, as it is in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::NotAsked => "not_asked",
            Self::Queued => "queued",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Quarantined => "quarantined",
            Self::Pending => "pending",
            Self::NotYours => "not_yours",
        }
    }
}

impl Answers {
    /// Returns the count of an answer.
    pub const fn of(&self, answer: Answer) -> u64 {
        match answer {
            Answer::Online => self.online,
            Answer::NotAsked => self.not_asked,
            Answer::Queued => self.queued,
            Answer::Refused => self.refused,
            Answer::Invalid => self.invalid,
            Answer::Quarantined => self.quarantined,
            Answer::Pending => self.pending,
            Answer::NotYours => self.not_yours,
        }
    }

    /// Adds hosts with an answer.
    pub const fn add(&mut self, answer: Answer, hosts: u64) {
        *match answer {
            Answer::Online => &mut self.online,
            Answer::NotAsked => &mut self.not_asked,
            Answer::Queued => &mut self.queued,
            Answer::Refused => &mut self.refused,
            Answer::Invalid => &mut self.invalid,
            Answer::Quarantined => &mut self.quarantined,
            Answer::Pending => &mut self.pending,
            Answer::NotYours => &mut self.not_yours,
        } += hosts;
    }
}

/// The query of a page of a plan's hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlanTargetsQuery {
    /// Only hosts with this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The most hosts in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A page of a plan's hosts, in the order of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanTargetList {
    /// The hosts.
    pub targets: Vec<PlanTarget>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One host of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanTarget {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// Its stage, from 1; absent if it is not in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// What would happen on it.
    pub answer: Answer,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
