//! A run's own row: how it is made, applied, stopped and ended.

use super::ledger::Ledger;
use super::query;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::steps::{self, ApplyStep, StopStep};
use crate::store::{Applied, Apply, NewPlan, RunChange, RunRow, StopRun, StoreError};
use fleet::UnixMillis;
use fleet::run::{RunEnd, TargetState};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Targets that one transaction stores: others are not to wait for a large plan.
pub(super) const CHUNK: usize = 1024;

const TARGETS: &str = "\
    INSERT INTO targets (run, position, host, stage, budgets, answer, answer_why, state, change) \
    SELECT $1, position, host, stage, budgets, answer, why, 'waiting', 0 \
    FROM unnest($2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[]) \
    AS t (position, host, stage, budgets, answer, why)";

const LEFT_OUT: &str = "\
    INSERT INTO left_out (run, position, host, answer, answer_why) \
    SELECT $1, position, host, answer, why \
    FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[]) \
    AS t (position, host, answer, why)";

/// Begins to store a plan; returns its number. It cannot be applied before [`insert`] has ended: one
/// that a crash left behind is as good as expired.
pub(super) async fn begin(
    transaction: &mut Transaction,
    plan: &NewPlan,
) -> Result<i64, ChangeError> {
    let inserted = transaction
        .sql
        .first(
            "INSERT INTO runs (id, state, request, options, selector, hash, total, created_at, \
             created_by, valid_until, change) VALUES ($1, 'planned', $2, $3, $4, $5, $6, $7, $8, \
             0, 0) ON CONFLICT (id) DO NOTHING RETURNING number",
            params![
                plan.id,
                plan.request,
                plan.options,
                plan.selector,
                plan.hash,
                super::count(plan.targets.len()),
                plan.created_at,
                plan.created_by,
            ],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    inserted.ok_or_else(|| steps::taken(&plan.id).into())
}

/// Stores the targets and hosts left out from a position on, [`CHUNK`] at most, and with the last
/// one lets the plan be applied. Returns the next position; `None` at the end.
pub(super) async fn insert(
    transaction: &mut Transaction,
    plan: &NewPlan,
    number: i64,
    from: usize,
) -> Result<Option<usize>, ChangeError> {
    let to = from + CHUNK;
    targets(&transaction.sql, plan, number, from).await?;
    left_out(&transaction.sql, plan, number, from).await?;
    let sql = &transaction.sql;
    // Last: others wait for it.
    let mut ledger = Ledger::open(sql, plan.created_at, 1).await?;
    let inserted = plan.targets.iter().skip(from).take(CHUNK);
    let mut many = 0;
    for target in inserted {
        ledger.books.count((number, target.stage), TargetState::Waiting, 1);
        many += 1;
    }
    sql.run(
        "UPDATE target_changes SET targets = targets + $1 WHERE single = 1",
        params![super::count(many)],
    )
    .await?;
    let more = to < plan.targets.len() + plan.left_out.len();
    if !more {
        sql.run(
            "UPDATE runs SET valid_until = $1 WHERE number = $2",
            params![plan.valid_until, number],
        )
        .await?;
        ledger.books.run((number, &Arc::from(&*plan.id)));
    }
    ledger.close(transaction).await?;
    Ok(more.then_some(to))
}

async fn targets(sql: &Sql, plan: &NewPlan, number: i64, from: usize) -> Result<(), DbError> {
    let part = || plan.targets.iter().skip(from).take(CHUNK);
    let positions: Vec<i32> =
        part().zip(from..).map(|(_, place)| super::position_of(place)).collect();
    if positions.is_empty() {
        return Ok(());
    }
    let hosts: Vec<&str> = part().map(|target| &*target.host).collect();
    let stages: Vec<i32> = part().map(|target| i32::from(target.stage)).collect();
    let names = |budgets: &[String]| {
        (!budgets.is_empty()).then(|| Value::from(budgets.to_vec()).to_string())
    };
    let budgets: Vec<Option<String>> = part().map(|target| names(&target.budgets)).collect();
    let answers: Vec<&str> = part().map(|target| &*target.answer).collect();
    let whys: Vec<Option<&str>> = part().map(|target| target.why.as_deref()).collect();
    sql.run(TARGETS, params![number, positions, hosts, stages, budgets, answers, whys]).await?;
    Ok(())
}

async fn left_out(sql: &Sql, plan: &NewPlan, number: i64, from: usize) -> Result<(), DbError> {
    let places = from.max(plan.targets.len())..from + CHUNK;
    let first = places.start - plan.targets.len();
    let part = || plan.left_out.iter().skip(first).take(places.len());
    let positions: Vec<i32> =
        part().zip(places.start..).map(|(_, place)| super::position_of(place)).collect();
    if positions.is_empty() {
        return Ok(());
    }
    let hosts: Vec<&str> = part().map(|host| &*host.host).collect();
    let answers: Vec<&str> = part().map(|host| &*host.answer).collect();
    let whys: Vec<Option<&str>> = part().map(|host| host.why.as_deref()).collect();
    sql.run(LEFT_OUT, params![number, positions, hosts, answers, whys]).await?;
    Ok(())
}

/// Makes a plan a run.
pub(super) async fn apply(
    transaction: &mut Transaction,
    id: &str,
    apply: &Apply,
) -> Result<Applied, ChangeError> {
    let mut ledger = Ledger::open(&transaction.sql, apply.at, 1).await?;
    let plan = query::existing(&transaction.sql, id).await?;
    if steps::apply(&plan, apply)? == ApplyStep::Before {
        tell_again(transaction, &plan);
        return Ok(Applied { run: plan, now: false });
    }
    let options = match apply.signatures.is_empty() {
        true => plan.options.clone(),
        false => {
            let mut options: Map<String, Value> =
                serde_json::from_str(&plan.options).unwrap_or_default();
            options.insert("signatures".to_owned(), Value::from(apply.signatures.clone()));
            Value::from(options).to_string()
        }
    };
    transaction
        .sql
        .run(
            "UPDATE runs SET state = 'running', applied_by = $1, applied_at = $2, not_after = $3, \
             options = $4 WHERE number = $5",
            params![apply.by, apply.at, apply.not_after, options, plan.number],
        )
        .await?;
    ledger.books.run((plan.number, &Arc::from(&*plan.id)));
    ledger.close(transaction).await?;
    Ok(Applied { run: query::existing(&transaction.sql, id).await?, now: true })
}

/// Begins to stop a run; ends a plan.
pub(super) async fn stop(
    transaction: &mut Transaction,
    id: &str,
    stop: &StopRun,
) -> Result<RunRow, ChangeError> {
    let sql = &transaction.sql;
    let mut ledger = Ledger::open(sql, stop.at, 1).await?;
    let run = query::existing(sql, id).await?;
    let text = match steps::stop(&run, stop) {
        StopStep::Stay => {
            tell_again(transaction, &run);
            return Ok(run);
        }
        StopStep::EndPlan => {
            end_plan(sql, &mut ledger, &run, stop).await?;
            ledger.close(transaction).await?;
            return query::existing(&transaction.sql, id).await;
        }
        StopStep::Begin => {
            "UPDATE runs SET state = 'stopping', ending = $1, why = $2 WHERE number = $3"
        }
        StopStep::Redirect => "UPDATE runs SET ending = $1, why = $2 WHERE number = $3",
    };
    sql.run(text, params![stop.end.word(), stop.why, run.number]).await?;
    ledger.books.run((run.number, &Arc::from(&*run.id)));
    ledger.close(transaction).await?;
    query::existing(&transaction.sql, id).await
}

/// Publishes a run's last change once more: whoever asks again may have lost the commit, and with it
/// the news.
fn tell_again(transaction: &mut Transaction, run: &RunRow) {
    let id = Arc::from(&*run.id);
    let change = RunChange { change: run.change, number: run.number, run: id, target: None };
    transaction.effects.runs.push(change);
}

/// Ends a plan that nobody will apply. Its targets were never asked for anything, so they stay
/// out of the history.
pub(super) async fn end_plan(
    sql: &Sql,
    ledger: &mut Ledger,
    plan: &RunRow,
    stop: &StopRun,
) -> Result<(), DbError> {
    set_ended(sql, plan.number, stop.end, stop.why.as_deref(), stop.at).await?;
    ledger.books.run((plan.number, &Arc::from(&*plan.id)));
    Ok(())
}

/// Ends a run whose targets have all ended.
pub(super) async fn end(
    transaction: &mut Transaction,
    number: i64,
    end: RunEnd,
    why: Option<&str>,
    at: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = &transaction.sql;
    let mut ledger = Ledger::open(sql, at, 1).await?;
    let run = query::by_number(sql, number)
        .await?
        .ok_or_else(|| StoreError::missing("run", &number.to_string()))?;
    if !steps::end(&run)? {
        return Ok(());
    }
    set_ended(sql, number, end, why, at).await?;
    ledger.books.run((number, &Arc::from(&*run.id)));
    Ok(ledger.close(transaction).await?)
}

async fn set_ended(
    sql: &Sql,
    number: i64,
    end: RunEnd,
    why: Option<&str>,
    at: UnixMillis,
) -> Result<(), DbError> {
    sql.run(
        "UPDATE runs SET state = 'ended', ending = $1, why = $2, ended_at = $3 WHERE number = $4",
        params![end.word(), why, at, number],
    )
    .await?;
    Ok(())
}
