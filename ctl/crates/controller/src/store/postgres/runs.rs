//! The runs and their targets: their own rows (`record`), how targets move (`moves`, `replies`), what
//! operators look at (`query`, `targets`, `history`), the `budgets`, and the end of old runs (`expire`).
//!
//! Every change takes its number from the `ledger` of its transaction, which also keeps the counts.

mod budgets;
mod expire;
mod history;
mod ledger;
mod moves;
mod query;
mod record;
mod replies;
mod targets;

pub(super) use expire::delete_old;
pub(super) use moves::{Told, arrived};

use super::PostgresStore;
use super::change::{change, query as read};
use crate::store::steps;
use crate::store::{
    Applied, Apply, BudgetRow, HistoryPage, HistoryQuery, NewPlan, OutputRow, PlanHostQuery,
    PlanHostRow, RunChange, RunPage, RunQuery, RunRow, Runs, StopRun, StoreError, TargetMove,
    TargetQuery, TargetRow, TargetSeed,
};
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::run::{Counts, RunEnd};
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

#[async_trait]
impl Runs for PostgresStore {
    async fn insert_plan(&self, plan: NewPlan) -> Result<RunRow, StoreError> {
        steps::has_room(plan.targets.len())?;
        let plan = Arc::new(plan);
        let begun = Arc::clone(&plan);
        let number = change!(self, |transaction| record::begin(&mut transaction, &begun))?;
        let (mut next, most) = (Some(0), self.core.bounds.most_targets());
        while let Some(from) = next {
            let part = Arc::clone(&plan);
            next = change!(self, |transaction| async {
                expire::make_room(&mut transaction, part.created_at, most).await?;
                record::insert(&mut transaction, &part, number, from).await
            })?;
        }
        let stored = read!(self, "a run", |sql| query::by_number(&sql, number))?;
        stored.ok_or_else(|| StoreError::missing("run", &plan.id))
    }

    async fn apply(&self, run: &str, apply: Apply) -> Result<Applied, StoreError> {
        let run = run.to_owned();
        change!(self, |transaction| record::apply(&mut transaction, &run, &apply))
    }

    async fn stop_run(&self, run: &str, stop: StopRun) -> Result<RunRow, StoreError> {
        let run = run.to_owned();
        change!(self, |transaction| record::stop(&mut transaction, &run, &stop))
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError> {
        read!(self, "a run", |sql| query::one(&sql, id))
    }

    async fn runs(&self, query: RunQuery) -> Result<RunPage, StoreError> {
        read!(self, "a page of runs", |sql| query::runs(&sql, &query))
    }

    async fn stages(&self, run: &str) -> Result<Vec<Counts>, StoreError> {
        read!(self, "the stages of a run", |sql| query::stages(&sql, run))
    }

    async fn targets(&self, query: TargetQuery) -> Result<Vec<TargetRow>, StoreError> {
        read!(self, "a page of targets", |sql| targets::targets(&sql, &query))
    }

    async fn target(&self, run: &str, host: &str) -> Result<Option<TargetRow>, StoreError> {
        read!(self, "a target", |sql| targets::target(&sql, run, host))
    }

    async fn target_result(&self, run: &str, host: &str) -> Result<Option<String>, StoreError> {
        read!(self, "a target's result", |sql| targets::result(&sql, run, host))
    }

    async fn plan_hosts(&self, query: PlanHostQuery) -> Result<Vec<PlanHostRow>, StoreError> {
        read!(self, "a page of a plan", |sql| query::plan_hosts(&sql, &query))
    }

    async fn plan_answers(&self, run: &str) -> Result<Vec<(String, u64)>, StoreError> {
        read!(self, "the answers of a plan", |sql| query::plan_answers(&sql, run))
    }

    async fn plan_budgets(&self, run: &str) -> Result<Vec<(Vec<String>, u64)>, StoreError> {
        read!(self, "the budgets of a plan", |sql| query::plan_budgets(&sql, run))
    }

    async fn outputs(&self, run: &str, limit: usize) -> Result<Vec<OutputRow>, StoreError> {
        read!(self, "a run's outputs", |sql| targets::outputs(&sql, run, limit))
    }

    async fn changes(
        &self,
        run: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<TargetRow>, StoreError> {
        read!(self, "a run's changes", |sql| targets::changes(&sql, run, after, limit))
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        read!(self, "a page of the history", |sql| history::page(&sql, &query))
    }

    fn run_changes(&self) -> broadcast::Receiver<Arc<[RunChange]>> {
        self.core.published.runs()
    }

    fn budget_changes(&self) -> watch::Receiver<()> {
        self.core.published.budgets()
    }

    async fn active_runs(&self, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        read!(self, "the active runs", |sql| query::active(&sql, limit))
    }

    async fn seeds(
        &self,
        run: i64,
        from: u32,
        limit: usize,
    ) -> Result<Vec<TargetSeed>, StoreError> {
        read!(self, "a run's targets", |sql| targets::seeds(&sql, run, from, limit))
    }

    async fn move_targets(
        &self,
        moves: Vec<TargetMove>,
        at: UnixMillis,
    ) -> Result<Vec<bool>, StoreError> {
        change!(self, |transaction| moves::all(&mut transaction, &moves, at))
    }

    async fn end_run(
        &self,
        run: i64,
        end: RunEnd,
        why: Option<String>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        change!(self, |transaction| record::end(&mut transaction, run, end, why.as_deref(), at))
    }

    async fn set_budget(&self, budget: BudgetRow) -> Result<BudgetRow, StoreError> {
        change!(self, |transaction| budgets::set(&mut transaction, &budget))
    }

    async fn remove_budget(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        change!(self, |transaction| budgets::remove(&mut transaction, &name))
    }

    async fn budget(&self, name: &str) -> Result<Option<BudgetRow>, StoreError> {
        read!(self, "a budget", |sql| budgets::one(&sql, name))
    }

    async fn budgets(&self, after: &str, limit: usize) -> Result<Vec<BudgetRow>, StoreError> {
        read!(self, "a page of budgets", |sql| budgets::page(&sql, after, limit))
    }
}

/// Returns a number of rows as PostgreSQL wants it.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Returns a position in a run as PostgreSQL wants it; there are fewer than a million.
fn position(position: u32) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

/// As [`position`].
fn position_of(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}
