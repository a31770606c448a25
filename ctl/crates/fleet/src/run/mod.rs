//! Runs: one request to many hosts, which adds up.
//!
//! A *plan* is a frozen list of targets; a *run* is a plan that is applied. Each target is one host,
//! and ends in exactly one [`EndState`]: [`Counts`] is the equation.
//!
//! | part | what it decides |
//! |---|---|
//! | [`Request`] | what can be asked of many hosts, and in which form |
//! | [`Options`] | stages, concurrency, tolerated failures, validity |
//! | [`plan`] | the bytes and the hash of a plan, and the proof that a host is in it |
//! | [`Budgets`] | how many hosts of a kind may be busy at once, over all runs |
//! | [`Rollout`] | which host is asked next, and what becomes of each target |
//! | [`Outcome`] | what an agent's reply or result means for the target |

mod budget;
mod counts;
mod options;
pub mod plan;
mod reply;
mod request;
mod rollout;
mod share;
mod state;

pub use budget::{Budget, BudgetError, BudgetId, Budgets};
pub use counts::Counts;
pub use options::{NotAfter, Options, OptionsError};
pub use reply::{Answer, Outcome, TASK_UNKNOWN};
pub use request::{Request, RequestError, check_signatures};
pub use rollout::{Ask, Change, Event, Moment, Output, Rollout, RunChange, TargetRow, Terms};
pub use share::{NotAShare, Share, Tolerance};
pub use state::{End, EndState, MAX_WHY, RunEnd, RunState, TargetState, UnknownState};

use crate::UnixMillis;

/// The most targets of a run.
pub const MAX_TARGETS: u32 = 1_000_000;

/// The most stages of a run.
pub const MAX_STAGES: usize = 32;

/// The longest soak between stages, in seconds: 7 days.
pub const MAX_SOAK: u32 = 7 * 24 * 60 * 60;

/// How many hosts may be busy with a run at once, if it does not say.
pub const DEFAULT_CONCURRENCY: u32 = 500;

/// The most hosts that may be busy with a run at once.
pub const MAX_CONCURRENCY: u32 = 100_000;

/// How long after the apply a host may accept a request, if the plan does not say: an hour, in
/// seconds.
pub const DEFAULT_NOT_AFTER: u32 = 60 * 60;

/// The longest such time, in seconds: 30 days.
pub const MAX_NOT_AFTER: u32 = 30 * 24 * 60 * 60;

/// How long a plan may be applied: a day.
pub const PLAN_LIFE: UnixMillis = crate::DAY;

/// How long after `not_after` a host that does not answer is waited for: a day. Then its target ends
/// as interrupted.
pub const LOST_AFTER: UnixMillis = crate::DAY;

/// The output of a run's command that is kept, each stream, if the request does not say: 64 KiB.
pub const DEFAULT_MAX_OUTPUT: u64 = 64 << 10;

/// The most bytes of a request, in its canonical form. With an id, a proof and signatures of which
/// each byte needs an escape of six, it fits into a message to an agent, which has at most 1 MiB.
pub const MAX_REQUEST: usize = 768 << 10;

/// The most signatures of a plan.
pub const MAX_SIGNATURES: usize = 8;

/// The most bytes of a signature.
pub const MAX_SIGNATURE: usize = 4 << 10;

/// The most budgets of a site.
pub const MAX_BUDGETS: usize = 64;

/// The most bytes of a budget's name.
pub const MAX_BUDGET_NAME: usize = 64;

/// Returns the id under which a run's request travels: of the request, and of the task that a
/// command becomes.
pub fn task_id(run: &str) -> String {
    format!("run:{run}")
}

/// Returns the run that a task belongs to, if its id is one of a run.
pub fn run_of_task(task: &str) -> Option<&str> {
    task.strip_prefix("run:")
}
