//! Runs: one request to many hosts, one row for each host, and the budgets over all runs.
//!
//! A plan is a run that nobody has applied: the same id and the same row. The rows are the truth: a
//! target's row says `sent` before the request leaves, and a result ends its target in the
//! transaction that stores it. Each change of a target or of a run takes the next number of one
//! sequence, the cursor of history and of live views alike.

use super::{
    HistoryPage, HistoryQuery, OutputRow, PlanHostQuery, PlanHostRow, StoreError, TargetMove,
    TargetQuery, TargetRow, TargetSeed,
};
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::run::{Counts, RunEnd, RunState, TargetState};
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// The runs of all operators.
#[async_trait]
pub(crate) trait Runs {
    /// Stores a plan with its targets.
    ///
    /// # Errors
    /// When the id is taken, or there are more than [`fleet::run::MAX_TARGETS`] targets.
    async fn insert_plan(&self, plan: NewPlan) -> Result<RunRow, StoreError>;

    /// Makes a plan a run, once: another call returns the run as it is.
    ///
    /// # Errors
    /// When the plan does not exist, or is not valid anymore.
    async fn apply(&self, run: &str, apply: Apply) -> Result<Applied, StoreError>;

    /// Begins to stop a run: nothing more is to be sent. A plan ends at once, a run that is
    /// stopping or has ended stays as it is. Returns the run as it is then.
    ///
    /// # Errors
    /// When the run does not exist.
    async fn stop_run(&self, run: &str, stop: StopRun) -> Result<RunRow, StoreError>;

    /// Returns a run.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError>;

    /// Returns a page of runs, newest first.
    ///
    /// # Errors
    /// When the database cannot be read, or the search takes too long.
    async fn runs(&self, query: RunQuery) -> Result<RunPage, StoreError>;

    /// Returns how many targets of a run are in which state, for each stage.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn stages(&self, run: &str) -> Result<Vec<Counts>, StoreError>;

    /// Returns a page of a run's targets, in the run's order.
    ///
    /// # Errors
    /// When the database cannot be read, or the search takes too long.
    async fn targets(&self, query: TargetQuery) -> Result<Vec<TargetRow>, StoreError>;

    /// Returns one target.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn target(&self, run: &str, host: &str) -> Result<Option<TargetRow>, StoreError>;

    /// Returns the event or reply that ended a target, verbatim.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn target_result(&self, run: &str, host: &str) -> Result<Option<String>, StoreError>;

    /// Returns a page of the hosts that a plan looked at: first the targets, then those that were
    /// left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn plan_hosts(&self, query: PlanHostQuery) -> Result<Vec<PlanHostRow>, StoreError>;

    /// Returns how many hosts got which answer when the plan was made, those left out too.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn plan_answers(&self, run: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Returns how many targets of a plan count for which budgets: their names, and the targets that
    /// count for exactly these.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn plan_budgets(&self, run: &str) -> Result<Vec<(Vec<String>, u64)>, StoreError>;

    /// Returns the groups of targets that ended alike and with the same output, the largest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn outputs(&self, run: &str, limit: usize) -> Result<Vec<OutputRow>, StoreError>;

    /// Returns the targets of a run that changed after this change, as they are now, in the order
    /// of their last changes.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn changes(
        &self,
        run: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<TargetRow>, StoreError>;

    /// Returns a page of ended targets of all runs, newest first.
    ///
    /// # Errors
    /// When the database cannot be read, or the search takes too long.
    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError>;

    /// Returns the changes of runs and targets from now on, each after it is on disk. A receiver
    /// that lags must look at the rows.
    fn run_changes(&self) -> broadcast::Receiver<Arc<[RunChange]>>;

    /// Returns a receiver that sees each change of a budget.
    fn budget_changes(&self) -> watch::Receiver<()>;

    /// Returns the runs that are running or stopping, oldest first: with more than `limit`, some
    /// are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn active_runs(&self, limit: usize) -> Result<Vec<RunRow>, StoreError>;

    /// Returns the targets of a run as its driver needs them, in the run's order, from a position
    /// on.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn seeds(&self, run: i64, from: u32, limit: usize)
    -> Result<Vec<TargetSeed>, StoreError>;

    /// Moves targets, all in one transaction. A target that has ended stays as it is; so does one
    /// that would go back from `running` to `sent`. Returns for each whether it moved.
    ///
    /// # Errors
    /// When the database cannot be written. There may be [`super::MAX_MOVES`] at most.
    async fn move_targets(
        &self,
        moves: Vec<TargetMove>,
        at: UnixMillis,
    ) -> Result<Vec<bool>, StoreError>;

    /// Ends a run whose targets have all ended.
    ///
    /// # Errors
    /// When the run does not exist, or a target has not ended.
    async fn end_run(
        &self,
        run: i64,
        end: RunEnd,
        why: Option<String>,
        at: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Sets a budget.
    ///
    /// # Errors
    /// When there would be more than [`fleet::run::MAX_BUDGETS`].
    async fn set_budget(&self, budget: BudgetRow) -> Result<BudgetRow, StoreError>;

    /// Removes a budget.
    ///
    /// # Errors
    /// When it does not exist.
    async fn remove_budget(&self, name: &str) -> Result<(), StoreError>;

    /// Returns a budget.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn budget(&self, name: &str) -> Result<Option<BudgetRow>, StoreError>;

    /// Returns a page of budgets, ordered by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn budgets(&self, after: &str, limit: usize) -> Result<Vec<BudgetRow>, StoreError>;
}

/// A plan to store.
#[derive(Clone, Debug)]
pub(crate) struct NewPlan {
    /// The id, of the plan and its run.
    pub(crate) id: String,
    /// The request, JSON.
    pub(crate) request: String,
    /// How it reaches the hosts: [`fleet::run::Options`], JSON.
    pub(crate) options: String,
    /// The hosts by labels, if they were given so.
    pub(crate) selector: Option<String>,
    /// The plan's hash, in hexadecimal.
    pub(crate) hash: String,
    /// Who made it.
    pub(crate) created_by: String,
    /// When.
    pub(crate) created_at: UnixMillis,
    /// When it cannot be applied anymore.
    pub(crate) valid_until: UnixMillis,
    /// The targets, in the run's order.
    pub(crate) targets: Vec<NewTarget>,
    /// The hosts that were looked at and left out.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A target to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewTarget {
    /// The host.
    pub(crate) host: String,
    /// Its stage, from 0.
    pub(crate) stage: u16,
    /// The budgets that count it.
    pub(crate) budgets: Vec<String>,
    /// The plan's answer for it: one word.
    pub(crate) answer: String,
    /// Why, in a sentence.
    pub(crate) why: Option<String>,
}

/// A host that is not in the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// The host.
    pub(crate) host: String,
    /// The plan's answer for it: one word.
    pub(crate) answer: String,
    /// Why, in a sentence.
    pub(crate) why: Option<String>,
}

/// How a plan becomes a run.
#[derive(Clone, Debug)]
pub(crate) struct Apply {
    /// Who applies it.
    pub(crate) by: String,
    /// When.
    pub(crate) at: UnixMillis,
    /// When no further host starts.
    pub(crate) not_after: UnixMillis,
    /// Signatures of the plan, for the hosts' policies.
    pub(crate) signatures: Vec<String>,
}

/// A run that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The run.
    pub(crate) run: RunRow,
    /// Whether this call applied it.
    pub(crate) now: bool,
}

/// Why and when a run begins to stop.
#[derive(Clone, Debug)]
pub(crate) struct StopRun {
    /// How it is going to have ended.
    pub(crate) end: RunEnd,
    /// A sentence.
    pub(crate) why: Option<String>,
    /// When.
    pub(crate) at: UnixMillis,
}

/// A stored run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunRow {
    /// Its number: newer runs have higher ones.
    pub(crate) number: i64,
    /// The id.
    pub(crate) id: String,
    /// How far it is.
    pub(crate) state: RunState,
    /// How it ended or, while it stops, is going to.
    pub(crate) end: Option<RunEnd>,
    /// A sentence about that.
    pub(crate) why: Option<String>,
    /// The request, JSON.
    pub(crate) request: String,
    /// How it reaches the hosts: [`fleet::run::Options`], JSON, and `signatures` if it has some.
    pub(crate) options: String,
    /// The hosts by labels, if they were given so.
    pub(crate) selector: Option<String>,
    /// The plan's hash, in hexadecimal.
    pub(crate) hash: String,
    /// The targets by state.
    pub(crate) counts: Counts,
    /// Who made the plan.
    pub(crate) created_by: String,
    /// When.
    pub(crate) created_at: UnixMillis,
    /// When the plan cannot be applied anymore.
    pub(crate) valid_until: UnixMillis,
    /// When no further host starts.
    pub(crate) not_after: Option<UnixMillis>,
    /// Who applied it.
    pub(crate) applied_by: Option<String>,
    /// When.
    pub(crate) applied_at: Option<UnixMillis>,
    /// When it ended.
    pub(crate) ended_at: Option<UnixMillis>,
    /// The last change of the run or of a target of it.
    pub(crate) change: i64,
}

/// A page of runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunQuery {
    /// Only runs in this state; without it, plans are left out.
    pub(crate) state: Option<RunState>,
    /// Only runs that this operator applied; of plans, made.
    pub(crate) operator: Option<String>,
    /// Only runs with this host among their targets.
    pub(crate) host: Option<String>,
    /// Only those made at this time or later.
    pub(crate) since: Option<UnixMillis>,
    /// Only those made before this time.
    pub(crate) until: Option<UnixMillis>,
    /// Only runs with a number below this one.
    pub(crate) before: Option<i64>,
    /// The most runs of the page.
    pub(crate) limit: usize,
}

/// Some runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunPage {
    /// The runs, newest first. There may be fewer than asked for, though more follow: their requests
    /// may be large.
    pub(crate) runs: Vec<RunRow>,
    /// The next page's `before`; `None` at the end.
    pub(crate) next: Option<i64>,
}

/// A change of a run, or of a target of it, that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunChange {
    /// The number of the change.
    pub(crate) change: i64,
    /// The run's number.
    pub(crate) number: i64,
    /// The run's id.
    pub(crate) run: Arc<str>,
    /// The target's position and its new state; `None` for a change of the run itself.
    pub(crate) target: Option<(u32, TargetState)>,
}

/// A budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BudgetRow {
    /// The name.
    pub(crate) name: String,
    /// The hosts by labels.
    pub(crate) selector: String,
    /// How many of them may be at work at once.
    pub(crate) most: u32,
    /// Who set it last.
    pub(crate) set_by: String,
    /// When.
    pub(crate) set_at: UnixMillis,
}
