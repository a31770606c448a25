//! Runs and plans, as operators look at them.

use crate::store::sqlite::change::ChangeError;
use crate::store::sqlite::column::{json, parsed};
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{
    MAX_PAGE_BYTES, PlanHostQuery, PlanHostRow, RunPage, RunQuery, RunRow, StoreError,
};
use fleet::run::{Counts, RunState};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use std::fmt::Write as _;

const RUN: &str = "r.number, r.id, r.state, r.ending, r.why, r.request, r.options, r.selector, \
                   r.hash, r.created_by, r.created_at, r.valid_until, r.not_after, r.applied_by, \
                   r.applied_at, r.ended_at, r.change";

/// Returns a run.
pub(super) fn one(sql: &Connection, id: &str) -> rusqlite::Result<Option<RunRow>> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.id = ?");
    with_counts(sql, sql.first(&text, params![id], run_row)?)
}

/// Returns a run by its number.
pub(super) fn by_number(sql: &Connection, number: i64) -> rusqlite::Result<Option<RunRow>> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.number = ?");
    with_counts(sql, sql.first(&text, params![number], run_row)?)
}

/// Returns a run, or that it does not exist.
pub(super) fn existing(sql: &Connection, id: &str) -> Result<RunRow, ChangeError> {
    one(sql, id)?.ok_or_else(|| StoreError::missing("run", id).into())
}

/// Returns the runs that are running or stopping.
pub(super) fn active(sql: &Connection, most: usize) -> rusqlite::Result<Vec<RunRow>> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.state = ? ORDER BY r.number LIMIT ?");
    let mut runs = Vec::new();
    for state in [RunState::Stopping, RunState::Running] {
        runs.extend(sql.all(&text, params![state.word(), limit(most)], run_row)?);
    }
    runs.truncate(most);
    runs.sort_by_key(|run| run.number);
    runs.into_iter().filter_map(|run| with_counts(sql, Some(run)).transpose()).collect()
}

/// Returns a page of runs.
pub(super) fn runs(sql: &Connection, query: &RunQuery) -> rusqlite::Result<RunPage> {
    let mut text = format!("SELECT {RUN} FROM ");
    let mut values = Vec::new();
    // CROSS JOIN keeps the order of the tables.
    let number = match &query.host {
        Some(host) => {
            text.push_str("targets t CROSS JOIN runs r ON r.number = t.run WHERE t.host = ? ");
            values.push(Value::from(host.clone()));
            "t.run"
        }
        None => {
            text.push_str("runs r WHERE true ");
            "r.number"
        }
    };
    if let Some(operator) = &query.operator {
        text.push_str("AND coalesce(r.applied_by, r.created_by) = ? ");
        values.push(Value::from(operator.clone()));
    }
    match query.state {
        Some(state) => {
            // The unary + keeps the operator's index where it leads.
            let column = if query.operator.is_some() { "+r.state" } else { "r.state" };
            let _ = write!(text, "AND {column} = ? ");
            values.push(Value::from(state.word().to_owned()));
        }
        None => text.push_str("AND r.applied_at IS NOT NULL "),
    }
    let mut lowest = 0;
    let mut highest = query.before.unwrap_or(i64::MAX);
    if let Some(since) = query.since {
        lowest = first_made(sql, since)?.unwrap_or(i64::MAX);
        text.push_str("AND +r.created_at >= ? ");
        values.push(Value::from(since));
    }
    if let Some(until) = query.until {
        highest = highest.min(first_made(sql, until)?.unwrap_or(i64::MAX));
        text.push_str("AND +r.created_at < ? ");
        values.push(Value::from(until));
    }
    let _ = write!(text, "AND {number} >= ? AND {number} < ? ORDER BY {number} DESC LIMIT ?");
    values.extend([Value::from(lowest), Value::from(highest), Value::from(limit(query.limit))]);
    let mut statement = sql.statement(&text)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let (mut page, mut bytes) = (RunPage::default(), 0);
    while let Some(row) = rows.next()? {
        let run = run_row(row)?;
        bytes += run.request.len() + run.options.len();
        if bytes > MAX_PAGE_BYTES && !page.runs.is_empty() {
            break;
        }
        page.runs.extend(with_counts(sql, Some(run))?);
        if page.runs.len() >= query.limit {
            break;
        }
    }
    let more = page.runs.len() >= query.limit || bytes > MAX_PAGE_BYTES;
    page.next = page.runs.last().filter(|_| more).map(|last| last.number);
    Ok(page)
}

/// Returns the number of the first run that was made at this time or later.
fn first_made(sql: &Connection, at: i64) -> rusqlite::Result<Option<i64>> {
    sql.first(
        "SELECT number FROM runs WHERE created_at >= ? ORDER BY created_at LIMIT 1",
        params![at],
        |row| row.get(0),
    )
}

/// Returns the number of a run.
pub(super) fn number(sql: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    sql.first("SELECT number FROM runs WHERE id = ?", params![id], |row| row.get(0))
}

/// Returns the counts of each stage.
pub(super) fn stages(sql: &Connection, id: &str) -> rusqlite::Result<Vec<Counts>> {
    let Some(number) = number(sql, id)? else { return Ok(Vec::new()) };
    let mut stages = Vec::new();
    for (stage, state, targets) in counted(sql, number)? {
        if stages.len() <= stage {
            stages.resize(stage + 1, Counts::default());
        }
        stages[stage].add(state, targets);
    }
    Ok(stages)
}

fn counted(
    sql: &Connection,
    number: i64,
) -> rusqlite::Result<Vec<(usize, fleet::run::TargetState, u32)>> {
    sql.all(
        "SELECT stage, state, targets FROM target_counts WHERE run = ?",
        params![number],
        |row| {
            let stage = usize::from(row.get::<_, u16>(0)?);
            Ok((stage, parsed(row, 1, |text| text.parse())?, row.get(2)?))
        },
    )
}

/// Returns a page of the hosts that a plan looked at.
pub(super) fn plan_hosts(
    sql: &Connection,
    query: &PlanHostQuery,
) -> rusqlite::Result<Vec<PlanHostRow>> {
    let Some(number) = number(sql, &query.run)? else { return Ok(Vec::new()) };
    let after = query.after.map_or(-1, i64::from);
    let mut page = Vec::new();
    for (table, stage) in [("targets", "stage"), ("left_out", "NULL")] {
        let only = if query.answer.is_some() { "AND answer = ?3 " } else { "AND ?3 IS NULL " };
        let text = format!(
            "SELECT position, host, {stage}, answer, answer_why FROM {table} WHERE run = ?1 \
             {only}AND position > ?2 ORDER BY position LIMIT ?4"
        );
        let most = limit(query.limit.saturating_sub(page.len()));
        page.extend(sql.all(&text, params![number, after, query.answer, most], |row| {
            Ok(PlanHostRow {
                position: row.get(0)?,
                host: row.get(1)?,
                stage: row.get(2)?,
                answer: row.get(3)?,
                why: row.get(4)?,
            })
        })?);
    }
    Ok(page)
}

/// Counts the targets of a plan by the budgets that count them.
pub(super) fn plan_budgets(
    sql: &Connection,
    id: &str,
) -> rusqlite::Result<Vec<(Vec<String>, u64)>> {
    let Some(number) = number(sql, id)? else { return Ok(Vec::new()) };
    sql.all(
        "SELECT budgets, count(*) FROM targets WHERE run = ? AND budgets IS NOT NULL \
         GROUP BY budgets",
        params![number],
        |row| Ok((json(row, 0)?, row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

/// Counts the hosts that a plan looked at by answer.
pub(super) fn plan_answers(sql: &Connection, id: &str) -> rusqlite::Result<Vec<(String, u64)>> {
    let Some(number) = number(sql, id)? else { return Ok(Vec::new()) };
    let mut answers = Vec::new();
    for table in ["targets", "left_out"] {
        let text = format!("SELECT answer, count(*) FROM {table} WHERE run = ? GROUP BY answer");
        answers.extend(sql.all(&text, params![number], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })?);
    }
    Ok(answers)
}

fn with_counts(sql: &Connection, run: Option<RunRow>) -> rusqlite::Result<Option<RunRow>> {
    let Some(mut run) = run else { return Ok(None) };
    for (_, state, targets) in counted(sql, run.number)? {
        run.counts.add(state, targets);
    }
    Ok(Some(run))
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let end = match row.get_ref(3)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(parsed(row, 3, |text| text.parse())?),
    };
    Ok(RunRow {
        number: row.get(0)?,
        id: row.get(1)?,
        state: parsed(row, 2, |text| text.parse())?,
        end,
        why: row.get(4)?,
        request: row.get(5)?,
        options: row.get(6)?,
        selector: row.get(7)?,
        hash: row.get(8)?,
        counts: Counts::default(),
        created_by: row.get(9)?,
        created_at: row.get(10)?,
        valid_until: row.get(11)?,
        not_after: row.get(12)?,
        applied_by: row.get(13)?,
        applied_at: row.get(14)?,
        ended_at: row.get(15)?,
        change: row.get(16)?,
    })
}
