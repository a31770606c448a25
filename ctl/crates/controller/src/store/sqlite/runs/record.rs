//! A run's own row: how it is planned, applied, stopped and ended.

use super::ledger::Ledger;
use super::query;
use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::column::document;
use crate::store::sqlite::sql::Sql as _;
use crate::store::steps::{self, ApplyStep, StopStep};
use crate::store::{Applied, Apply, NewPlan, RunRow, StopRun, StoreError};
use fleet::UnixMillis;
use fleet::run::{RunEnd, TargetState};
use rusqlite::params;
use serde_json::Value;
use std::sync::Arc;

/// Targets that one transaction stores: others are not to wait for a large plan.
pub(super) const CHUNK: usize = 256;

/// Begins to store a plan; returns its number. It cannot be applied before [`insert`] has ended: one
/// that a crash left behind is as good as expired.
pub(super) fn begin(transaction: &mut Transaction<'_>, plan: &NewPlan) -> Result<i64, ChangeError> {
    let sql = transaction.sql;
    let inserted = sql.run(
        "INSERT INTO runs (id, state, request, options, selector, hash, total, created_at, \
         created_by, valid_until, change) VALUES (?, 'planned', ?, ?, ?, ?, ?, ?, ?, 0, 0) \
         ON CONFLICT (id) DO NOTHING",
        params![
            plan.id,
            plan.request,
            plan.options,
            plan.selector,
            plan.hash,
            count(plan.targets.len()),
            plan.created_at,
            plan.created_by,
        ],
    )?;
    if inserted == 0 {
        return Err(steps::taken(&plan.id).into());
    }
    Ok(sql.last_insert_rowid())
}

/// Stores the targets and hosts left out from a position on, [`CHUNK`] at most, and with the last
/// one lets the plan be applied. Returns the next position; `None` at the end.
pub(super) fn insert(
    transaction: &mut Transaction<'_>,
    plan: &NewPlan,
    number: i64,
    from: usize,
) -> Result<Option<usize>, ChangeError> {
    let sql = transaction.sql;
    let mut ledger = Ledger::open(sql, plan.created_at)?;
    let to = from + CHUNK;
    let targets = plan.targets.iter().enumerate();
    let mut statement = sql.statement(
        "INSERT INTO targets (run, position, host, stage, budgets, answer, answer_why, state, \
         change) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', 0)",
    )?;
    for (position, target) in targets.skip(from).take(CHUNK) {
        let budgets = (!target.budgets.is_empty()).then(|| document(&target.budgets));
        statement.execute(params![
            number,
            count(position),
            target.host,
            target.stage,
            budgets,
            target.answer,
            target.why
        ])?;
        ledger.books.count((number, target.stage), TargetState::Waiting, 1);
    }
    let left_out = (plan.targets.len()..).zip(&plan.left_out);
    for (position, host) in left_out.filter(|(position, _)| (from..to).contains(position)) {
        sql.run(
            "INSERT INTO left_out (run, position, host, answer, answer_why) VALUES (?, ?, ?, ?, ?)",
            params![number, count(position), host.host, host.answer, host.why],
        )?;
    }
    let inserted = plan.targets.len().min(to).saturating_sub(from);
    sql.run("UPDATE target_changes SET targets = targets + ?", params![count(inserted)])?;
    let more = to < plan.targets.len() + plan.left_out.len();
    if !more {
        sql.run(
            "UPDATE runs SET valid_until = ? WHERE number = ?",
            params![plan.valid_until, number],
        )?;
        ledger.books.run((number, &Arc::from(&*plan.id)));
    }
    ledger.close(transaction.effects)?;
    Ok(more.then_some(to))
}

/// Makes a plan a run.
pub(super) fn apply(
    transaction: &mut Transaction<'_>,
    id: &str,
    apply: &Apply,
) -> Result<Applied, ChangeError> {
    let plan = query::existing(transaction.sql, id)?;
    if steps::apply(&plan, apply)? == ApplyStep::Before {
        return Ok(Applied { run: plan, now: false });
    }
    transaction.sql.run(
        "UPDATE runs SET state = 'running', applied_by = ?, applied_at = ?, not_after = ? \
         WHERE number = ?",
        params![apply.by, apply.at, apply.not_after, plan.number],
    )?;
    if !apply.signatures.is_empty() {
        transaction.sql.run(
            "UPDATE runs SET options = json_set(options, '$.signatures', json(?)) WHERE number = ?",
            params![Value::from(&*apply.signatures).to_string(), plan.number],
        )?;
    }
    changed(transaction, &plan, apply.at)?;
    Ok(Applied { run: query::existing(transaction.sql, id)?, now: true })
}

/// Begins to stop a run; ends a plan.
pub(super) fn stop(
    transaction: &mut Transaction<'_>,
    id: &str,
    stop: &StopRun,
) -> Result<RunRow, ChangeError> {
    let run = query::existing(transaction.sql, id)?;
    match steps::stop(&run, stop) {
        StopStep::EndPlan => end_plan(transaction, &run, stop)?,
        StopStep::Begin => {
            transaction.sql.run(
                "UPDATE runs SET state = 'stopping', ending = ?, why = ? WHERE number = ?",
                params![stop.end.word(), stop.why, run.number],
            )?;
            changed(transaction, &run, stop.at)?;
        }
        StopStep::Redirect => {
            transaction.sql.run(
                "UPDATE runs SET ending = ?, why = ? WHERE number = ?",
                params![stop.end.word(), stop.why, run.number],
            )?;
            changed(transaction, &run, stop.at)?;
        }
        StopStep::Stay => return Ok(run),
    }
    query::existing(transaction.sql, id)
}

/// Ends a plan that nobody will apply. Its targets were never asked for anything, so they stay
/// out of the history.
pub(super) fn end_plan(
    transaction: &mut Transaction<'_>,
    plan: &RunRow,
    stop: &StopRun,
) -> Result<(), ChangeError> {
    transaction.sql.run(
        "UPDATE runs SET state = 'ended', ending = ?, why = ?, ended_at = ? WHERE number = ?",
        params![stop.end.word(), stop.why, stop.at, plan.number],
    )?;
    Ok(changed(transaction, plan, stop.at)?)
}

/// Ends a run whose targets have all ended.
pub(super) fn end(
    transaction: &mut Transaction<'_>,
    number: i64,
    end: RunEnd,
    why: Option<&str>,
    at: UnixMillis,
) -> Result<(), ChangeError> {
    let run = query::by_number(transaction.sql, number)?
        .ok_or_else(|| StoreError::missing("run", &number.to_string()))?;
    if !steps::end(&run)? {
        return Ok(());
    }
    transaction.sql.run(
        "UPDATE runs SET state = 'ended', ending = ?, why = ?, ended_at = ? WHERE number = ?",
        params![end.word(), why, at, number],
    )?;
    Ok(changed(transaction, &run, at)?)
}

fn changed(
    transaction: &mut Transaction<'_>,
    run: &RunRow,
    at: UnixMillis,
) -> rusqlite::Result<()> {
    let mut ledger = Ledger::open(transaction.sql, at)?;
    ledger.books.run((run.number, &Arc::from(&*run.id)));
    ledger.close(transaction.effects)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
