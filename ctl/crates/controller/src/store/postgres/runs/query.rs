//! Runs and plans, as operators look at them.

use crate::store::postgres::change::ChangeError;
use crate::store::postgres::column::{count, json, number, parsed};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::{Sql, Value};
use crate::store::postgres::{limit, params};
use crate::store::{
    MAX_PAGE_BYTES, PlanHostQuery, PlanHostRow, RunPage, RunQuery, RunRow, StoreError,
};
use fleet::run::{Counts, RunState, TargetState};
use std::collections::HashMap;
use std::fmt::Write as _;
use tokio_postgres::Row;

const RUN: &str = "r.number, r.id, r.state, r.ending, r.why, r.request, r.options, r.selector, \
                   r.hash, r.created_by, r.created_at, r.valid_until, r.not_after, r.applied_by, \
                   r.applied_at, r.ended_at, r.change";

/// Returns a run.
pub(super) async fn one(sql: &Sql, id: &str) -> Result<Option<RunRow>, DbError> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.id = $1");
    let found = sql.first(&text, params![id], run_row).await?;
    Ok(with_counts(sql, found.into_iter().collect()).await?.pop())
}

/// Returns a run by its number.
pub(super) async fn by_number(sql: &Sql, number: i64) -> Result<Option<RunRow>, DbError> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.number = $1");
    let found = sql.first(&text, params![number], run_row).await?;
    Ok(with_counts(sql, found.into_iter().collect()).await?.pop())
}

/// Returns a run, or that it does not exist.
pub(super) async fn existing(sql: &Sql, id: &str) -> Result<RunRow, ChangeError> {
    one(sql, id).await?.ok_or_else(|| StoreError::missing("run", id).into())
}

/// Returns the runs that are running or stopping.
pub(super) async fn active(sql: &Sql, most: usize) -> Result<Vec<RunRow>, DbError> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.state = $1 ORDER BY r.number LIMIT $2");
    let mut runs = Vec::new();
    for state in [RunState::Stopping, RunState::Running] {
        runs.extend(sql.all(&text, params![state.word(), limit(most)], run_row).await?);
    }
    runs.truncate(most);
    runs.sort_by_key(|run| run.number);
    with_counts(sql, runs).await
}

/// Returns a page of runs.
pub(super) async fn runs(sql: &Sql, query: &RunQuery) -> Result<RunPage, DbError> {
    let mut values: Vec<Value> = Vec::new();
    let mut condition = String::new();
    let mut add = |text: &str, value: Value| {
        values.push(value);
        let _ = write!(condition, "AND {text} ${} ", values.len());
    };
    let from = match &query.host {
        Some(host) => {
            add("t.host =", Box::new(host.clone()));
            "targets t JOIN runs r ON r.number = t.run"
        }
        None => "runs r",
    };
    let place = if query.host.is_some() { "t.run" } else { "r.number" };
    if let Some(operator) = &query.operator {
        add("coalesce(r.applied_by, r.created_by) =", Box::new(operator.clone()));
    }
    if let Some(state) = query.state {
        add("r.state =", Box::new(state.word()));
    }
    let (mut lowest, mut highest) = (0, query.before.unwrap_or(i64::MAX));
    if let Some(since) = query.since {
        lowest = first_made(sql, since).await?.unwrap_or(i64::MAX);
        add("r.created_at >=", Box::new(since));
    }
    if let Some(until) = query.until {
        highest = highest.min(first_made(sql, until).await?.unwrap_or(i64::MAX));
        add("r.created_at <", Box::new(until));
    }
    add(&format!("{place} >="), Box::new(lowest));
    add(&format!("{place} <"), Box::new(highest));
    if query.state.is_none() {
        condition.push_str("AND r.applied_at IS NOT NULL ");
    }
    values.push(Box::new(limit(query.limit)));
    let most = values.len();
    values.push(Box::new(limit(MAX_PAGE_BYTES)));
    // What is larger than a page is not read; the server knows the sizes of texts without that.
    let text = format!(
        "SELECT {RUN} FROM (SELECT r.*, sum(octet_length(r.request) + octet_length(r.options)) \
         OVER (ORDER BY {place} DESC ROWS UNBOUNDED PRECEDING) AS bytes \
         FROM {from} WHERE true {condition} ORDER BY {place} DESC LIMIT ${most}) r \
         WHERE r.bytes - octet_length(r.request) - octet_length(r.options) <= ${} \
         ORDER BY r.number DESC",
        most + 1
    );
    let mut found = sql.all_of(&text, &values, run_row).await?;
    let mut more = found.len() >= query.limit;
    let mut bytes = 0;
    let mut fits = |run: &RunRow| {
        bytes += run.request.len() + run.options.len();
        bytes <= MAX_PAGE_BYTES
    };
    let fitting = found.iter().take_while(|run| fits(run)).count().max(1);
    if fitting < found.len() {
        found.truncate(fitting);
        more = true;
    }
    let next = found.last().filter(|_| more).map(|last| last.number);
    Ok(RunPage { runs: with_counts(sql, found).await?, next })
}

/// Returns the number of the first run that was made at this time or later.
async fn first_made(sql: &Sql, at: i64) -> Result<Option<i64>, DbError> {
    sql.first(
        "SELECT number FROM runs WHERE created_at >= $1 ORDER BY created_at LIMIT 1",
        params![at],
        |row| Ok(row.try_get(0)?),
    )
    .await
}

/// Returns the number of a run.
pub(super) async fn number_of(sql: &Sql, id: &str) -> Result<Option<i64>, DbError> {
    sql.first("SELECT number FROM runs WHERE id = $1", params![id], |row| Ok(row.try_get(0)?)).await
}

/// Returns the counts of each stage.
pub(super) async fn stages(sql: &Sql, id: &str) -> Result<Vec<Counts>, DbError> {
    let Some(number) = number_of(sql, id).await? else { return Ok(Vec::new()) };
    let mut stages = Vec::new();
    for (_, stage, state, targets) in counted(sql, &[number]).await? {
        if stages.len() <= stage {
            stages.resize(stage + 1, Counts::default());
        }
        stages[stage].add(state, targets);
    }
    Ok(stages)
}

async fn counted(sql: &Sql, runs: &[i64]) -> Result<Vec<(i64, usize, TargetState, u32)>, DbError> {
    sql.all(
        "SELECT run, stage, state, targets FROM target_counts WHERE run = ANY($1)",
        params![runs],
        |row| {
            let state = parsed(row, 2, |text| text.parse())?;
            let targets = u32::try_from(count(row, 3)?).unwrap_or(u32::MAX);
            Ok((row.try_get(0)?, usize::from(number::<u16>(row, 1)?), state, targets))
        },
    )
    .await
}

/// Returns a page of the hosts that a plan looked at.
pub(super) async fn plan_hosts(
    sql: &Sql,
    query: &PlanHostQuery,
) -> Result<Vec<PlanHostRow>, DbError> {
    let Some(run) = number_of(sql, &query.run).await? else { return Ok(Vec::new()) };
    let after = query.after.map_or(-1, super::position);
    let mut page = Vec::new();
    for (table, stage) in [("targets", "stage"), ("left_out", "NULL::integer")] {
        let only = if query.answer.is_some() { "AND answer = $4 " } else { "" };
        let text = format!(
            "SELECT position, host, {stage}, answer, answer_why FROM {table} WHERE run = $1 \
             {only}AND position > $2 ORDER BY position LIMIT $3"
        );
        let most = limit(query.limit.saturating_sub(page.len()));
        let row = |row: &Row| {
            let stage: Option<i32> = row.try_get(2)?;
            Ok(PlanHostRow {
                position: number(row, 0)?,
                host: row.try_get(1)?,
                stage: stage.map(|_| number(row, 2)).transpose()?,
                answer: row.try_get(3)?,
                why: row.try_get(4)?,
            })
        };
        page.extend(match &query.answer {
            Some(answer) => sql.all(&text, params![run, after, most, answer], row).await?,
            None => sql.all(&text, params![run, after, most], row).await?,
        });
    }
    Ok(page)
}

/// Counts the targets of a plan by the budgets that count them.
pub(super) async fn plan_budgets(sql: &Sql, id: &str) -> Result<Vec<(Vec<String>, u64)>, DbError> {
    let Some(number) = number_of(sql, id).await? else { return Ok(Vec::new()) };
    sql.all(
        "SELECT budgets, count(*) FROM targets WHERE run = $1 AND budgets IS NOT NULL \
         GROUP BY budgets ORDER BY budgets",
        params![number],
        |row| Ok((json(row, 0)?, count(row, 1)?)),
    )
    .await
}

/// Counts the hosts that a plan looked at by answer.
pub(super) async fn plan_answers(sql: &Sql, id: &str) -> Result<Vec<(String, u64)>, DbError> {
    let Some(number) = number_of(sql, id).await? else { return Ok(Vec::new()) };
    let mut answers = Vec::new();
    for table in ["targets", "left_out"] {
        let text = format!(
            "SELECT answer, count(*) FROM {table} WHERE run = $1 GROUP BY answer ORDER BY answer"
        );
        let row = |row: &Row| Ok((row.try_get(0)?, count(row, 1)?));
        answers.extend(sql.all(&text, params![number], row).await?);
    }
    Ok(answers)
}

async fn with_counts(sql: &Sql, mut runs: Vec<RunRow>) -> Result<Vec<RunRow>, DbError> {
    if runs.is_empty() {
        return Ok(runs);
    }
    let numbers: Vec<i64> = runs.iter().map(|run| run.number).collect();
    let places: HashMap<i64, usize> = (0..).zip(&numbers).map(|(at, run)| (*run, at)).collect();
    for (run, _, state, targets) in counted(sql, &numbers).await? {
        if let Some(place) = places.get(&run) {
            runs[*place].counts.add(state, targets);
        }
    }
    Ok(runs)
}

fn run_row(row: &Row) -> Result<RunRow, DbError> {
    let ending: Option<&str> = row.try_get(3)?;
    Ok(RunRow {
        number: row.try_get(0)?,
        id: row.try_get(1)?,
        state: parsed(row, 2, |text| text.parse())?,
        end: ending.map(|_| parsed(row, 3, |text| text.parse())).transpose()?,
        why: row.try_get(4)?,
        request: row.try_get(5)?,
        options: row.try_get(6)?,
        selector: row.try_get(7)?,
        hash: row.try_get(8)?,
        counts: Counts::default(),
        created_by: row.try_get(9)?,
        created_at: row.try_get(10)?,
        valid_until: row.try_get(11)?,
        not_after: row.try_get(12)?,
        applied_by: row.try_get(13)?,
        applied_at: row.try_get(14)?,
        ended_at: row.try_get(15)?,
        change: row.try_get(16)?,
    })
}
