//! The runs and their targets: their own rows (`record`), how targets move (`moves`), what operators
//! look at (`query`, `targets`, `history`), the `budgets`, and what is too old (`expire`).
//!
//! Every change takes its number from the `ledger` of its transaction, which also keeps the counts.

mod budgets;
mod expire;
mod history;
mod ledger;
mod moves;
mod query;
mod record;
mod targets;

pub(super) use expire::delete_old;
pub(super) use moves::{Told, arrived};

use super::SqliteStore;
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
impl Runs for SqliteStore {
    async fn insert_plan(&self, plan: NewPlan) -> Result<RunRow, StoreError> {
        steps::has_room(plan.targets.len())?;
        let plan = Arc::new(plan);
        let begun = Arc::clone(&plan);
        let number = self.change(move |transaction| record::begin(transaction, &begun)).await?;
        let (mut next, most) = (Some(0), self.most_targets);
        while let Some(from) = next {
            let part = Arc::clone(&plan);
            next = self
                .change(move |transaction| {
                    expire::make_room(transaction, part.created_at, most)?;
                    record::insert(transaction, &part, number, from)
                })
                .await?;
        }
        let stored = self
            .readers
            .query("a run", move |connection| query::by_number(connection, number))
            .await?;
        stored.ok_or_else(|| StoreError::missing("run", &plan.id))
    }

    async fn apply(&self, run: &str, apply: Apply) -> Result<Applied, StoreError> {
        let run = run.to_owned();
        self.change(move |transaction| record::apply(transaction, &run, &apply)).await
    }

    async fn stop_run(&self, run: &str, stop: StopRun) -> Result<RunRow, StoreError> {
        let run = run.to_owned();
        self.change(move |transaction| record::stop(transaction, &run, &stop)).await
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError> {
        let id = id.to_owned();
        self.readers.query("a run", move |connection| query::one(connection, &id)).await
    }

    async fn runs(&self, query: RunQuery) -> Result<RunPage, StoreError> {
        self.readers
            .query("a page of runs", move |connection| query::runs(connection, &query))
            .await
    }

    async fn stages(&self, run: &str) -> Result<Vec<Counts>, StoreError> {
        let run = run.to_owned();
        self.readers
            .query("the stages of a run", move |connection| query::stages(connection, &run))
            .await
    }

    async fn targets(&self, query: TargetQuery) -> Result<Vec<TargetRow>, StoreError> {
        self.readers
            .query("a page of targets", move |connection| targets::targets(connection, &query))
            .await
    }

    async fn target(&self, run: &str, host: &str) -> Result<Option<TargetRow>, StoreError> {
        let (run, host) = (run.to_owned(), host.to_owned());
        self.readers
            .query("a target", move |connection| targets::target(connection, &run, &host))
            .await
    }

    async fn target_result(&self, run: &str, host: &str) -> Result<Option<String>, StoreError> {
        let (run, host) = (run.to_owned(), host.to_owned());
        self.readers
            .query("a target's result", move |connection| targets::result(connection, &run, &host))
            .await
    }

    async fn plan_hosts(&self, query: PlanHostQuery) -> Result<Vec<PlanHostRow>, StoreError> {
        self.readers
            .query("a page of a plan", move |connection| query::plan_hosts(connection, &query))
            .await
    }

    async fn plan_answers(&self, run: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let run = run.to_owned();
        self.readers
            .query("the answers of a plan", move |connection| query::plan_answers(connection, &run))
            .await
    }

    async fn plan_budgets(&self, run: &str) -> Result<Vec<(Vec<String>, u64)>, StoreError> {
        let run = run.to_owned();
        self.readers
            .query("the budgets of a plan", move |connection| query::plan_budgets(connection, &run))
            .await
    }

    async fn outputs(&self, run: &str, limit: usize) -> Result<Vec<OutputRow>, StoreError> {
        let run = run.to_owned();
        self.readers
            .query("a run's outputs", move |connection| targets::outputs(connection, &run, limit))
            .await
    }

    async fn changes(
        &self,
        run: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<TargetRow>, StoreError> {
        let run = run.to_owned();
        self.readers
            .query("a run's changes", move |connection| {
                targets::changes(connection, &run, after, limit)
            })
            .await
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.readers
            .query("a page of the history", move |connection| history::page(connection, &query))
            .await
    }

    fn run_changes(&self) -> broadcast::Receiver<Arc<[RunChange]>> {
        self.published.runs()
    }

    fn budget_changes(&self) -> watch::Receiver<()> {
        self.published.budgets()
    }

    async fn active_runs(&self, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        self.readers
            .query("the active runs", move |connection| query::active(connection, limit))
            .await
    }

    async fn seeds(
        &self,
        run: i64,
        from: u32,
        limit: usize,
    ) -> Result<Vec<TargetSeed>, StoreError> {
        self.readers
            .query("a run's targets", move |connection| {
                targets::seeds(connection, run, from, limit)
            })
            .await
    }

    async fn move_targets(
        &self,
        moves: Vec<TargetMove>,
        at: UnixMillis,
    ) -> Result<Vec<bool>, StoreError> {
        self.change(move |transaction| moves::all(transaction, &moves, at)).await
    }

    async fn end_run(
        &self,
        run: i64,
        end: RunEnd,
        why: Option<String>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        self.change(move |transaction| record::end(transaction, run, end, why.as_deref(), at)).await
    }

    async fn set_budget(&self, budget: BudgetRow) -> Result<BudgetRow, StoreError> {
        self.change(move |transaction| budgets::set(transaction, &budget)).await
    }

    async fn remove_budget(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.change(move |transaction| budgets::remove(transaction, &name)).await
    }

    async fn budget(&self, name: &str) -> Result<Option<BudgetRow>, StoreError> {
        let name = name.to_owned();
        self.readers.query("a budget", move |connection| budgets::one(connection, &name)).await
    }

    async fn budgets(&self, after: &str, limit: usize) -> Result<Vec<BudgetRow>, StoreError> {
        let after = after.to_owned();
        self.readers
            .query("a page of budgets", move |connection| budgets::page(connection, &after, limit))
            .await
    }
}
