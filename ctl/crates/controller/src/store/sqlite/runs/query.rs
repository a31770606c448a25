//! Runs, their targets and outputs, as operators look at them.

use crate::store::sqlite::change::ChangeError;
use crate::store::sqlite::column::{json, parsed};
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{
    MAX_OUTPUT_HEAD, MAX_OUTPUT_HOSTS, MAX_PAGE_BYTES, OutputRow, PlanHostQuery, PlanHostRow,
    RunPage, RunQuery, RunRow, StoreError, TargetQuery, TargetRow, TargetSeed,
};
use fleet::run::{Counts, RunState};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use std::fmt::Write as _;

const RUN: &str = "r.number, r.id, r.state, r.ending, r.why, r.request, r.options, r.selector, \
                   r.hash, r.created_by, r.created_at, r.valid_until, r.not_after, r.applied_by, \
                   r.applied_at, r.ended_at, r.change";

/// The columns of a [`TargetRow`] but the run's id.
pub(super) const TARGET: &str = "t.position, t.host, t.stage, t.state, t.code, t.why, t.sent_at, \
                                 t.accepted_at, t.ended_at, t.output, t.change";

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
        bytes += run.request.len();
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

/// Returns a page of targets.
pub(super) fn targets(sql: &Connection, query: &TargetQuery) -> rusqlite::Result<Vec<TargetRow>> {
    let Some(number) = number(sql, &query.run)? else { return Ok(Vec::new()) };
    // Without this, SQLite reads the run from end to end where a state is rare.
    let index = match (query.state, &query.output) {
        (Some(_), None) => "INDEXED BY targets_by_state",
        _ => "",
    };
    let mut text = format!("SELECT {TARGET} FROM targets t {index} WHERE t.run = ? ");
    let mut values = vec![Value::from(number)];
    if let Some(state) = query.state {
        text.push_str("AND t.state = ? ");
        values.push(Value::from(state.word().to_owned()));
    }
    if let Some(output) = &query.output {
        let Some(output) = hex(output) else { return Ok(Vec::new()) };
        text.push_str("AND t.output = ? ");
        values.push(Value::from(output));
    }
    let mut after = query.after.map_or(-1, i64::from);
    if let Some(stage) = query.stage {
        // A stage follows the one before it.
        let before = sql.first(
            "SELECT coalesce(sum(targets), 0) FROM target_counts WHERE run = ? AND stage < ?",
            params![number, stage],
            |row| row.get::<_, i64>(0),
        )?;
        after = after.max(before.unwrap_or_default() - 1);
        text.push_str("AND t.stage = ? ");
        values.push(Value::from(stage));
    }
    text.push_str("AND t.position > ? ORDER BY t.position LIMIT ?");
    values.extend([Value::from(after), Value::from(limit(query.limit))]);
    sql.all(&text, params_from_iter(values), |row| target_row(row, &query.run, 0))
}

/// Returns one target.
pub(super) fn target(
    sql: &Connection,
    id: &str,
    host: &str,
) -> rusqlite::Result<Option<TargetRow>> {
    let Some(number) = number(sql, id)? else { return Ok(None) };
    let text = format!("SELECT {TARGET} FROM targets t WHERE t.host = ? AND t.run = ?");
    sql.first(&text, params![host, number], |row| target_row(row, id, 0))
}

/// Returns the event or reply of a target.
pub(super) fn result(sql: &Connection, id: &str, host: &str) -> rusqlite::Result<Option<String>> {
    let Some(number) = number(sql, id)? else { return Ok(None) };
    sql.first(
        "SELECT r.event FROM targets t JOIN results r ON r.sequence = t.result \
         WHERE t.host = ? AND t.run = ?",
        params![host, number],
        |row| row.get(0),
    )
}

/// Returns the targets that changed after a change.
pub(super) fn changes(
    sql: &Connection,
    id: &str,
    after: i64,
    most: usize,
) -> rusqlite::Result<Vec<TargetRow>> {
    let Some(number) = number(sql, id)? else { return Ok(Vec::new()) };
    let text = format!(
        "SELECT {TARGET} FROM targets t WHERE t.run = ? AND t.change > 0 AND t.change > ? \
         ORDER BY t.change LIMIT ?"
    );
    sql.all(&text, params![number, after, limit(most)], |row| target_row(row, id, 0))
}

/// Returns the targets as their driver needs them.
pub(super) fn seeds(
    sql: &Connection,
    number: i64,
    from: u32,
    most: usize,
) -> rusqlite::Result<Vec<TargetSeed>> {
    sql.all(
        "SELECT host, budgets, state, sent_at, why, code FROM targets WHERE run = ? AND position >= ? \
         ORDER BY position LIMIT ?",
        params![number, from, limit(most)],
        |row| {
            let budgets = row.get_ref(1)?.as_str_or_null()?.is_some();
            Ok(TargetSeed {
                host: row.get(0)?,
                budgets: if budgets { json(row, 1)? } else { Vec::new() },
                state: parsed(row, 2, |text| text.parse())?,
                sent_at: row.get(3)?,
                code: row.get(5)?,
                why: row.get(4)?,
            })
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

/// Returns the groups of equal outputs.
pub(super) fn outputs(sql: &Connection, id: &str, most: usize) -> rusqlite::Result<Vec<OutputRow>> {
    let Some(number) = number(sql, id)? else { return Ok(Vec::new()) };
    let groups = sql.all(
        "SELECT output, count(*) FROM targets WHERE run = ? AND output IS NOT NULL \
         GROUP BY output ORDER BY 2 DESC, 1 LIMIT ?",
        params![number, limit(most)],
        |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?.unsigned_abs())),
    )?;
    let group = |(digest, count): (Vec<u8>, u64)| {
        let hosts = sql.all(
            "SELECT host FROM targets WHERE run = ? AND output = ? ORDER BY position LIMIT ?",
            params![number, digest, limit(MAX_OUTPUT_HOSTS)],
            |row| row.get(0),
        )?;
        sql.first(
            "SELECT t.state, t.code, \
             substr(json_extract(r.event, '$.data'), 1, ?3), \
             length(json_extract(r.event, '$.data')), \
             json_extract(r.event, '$.encoding') = 'base64' \
             FROM targets t LEFT JOIN results r ON r.sequence = t.result \
             WHERE t.run = ?1 AND t.output = ?2 ORDER BY t.position LIMIT 1",
            params![number, digest, limit(MAX_OUTPUT_HEAD)],
            |row| {
                let length = row.get::<_, Option<i64>>(3)?.unwrap_or_default();
                Ok(OutputRow {
                    digest: text(&digest),
                    count,
                    state: parsed(row, 0, |text| text.parse())?,
                    code: row.get(1)?,
                    hosts,
                    head: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
                    truncated: length > limit(MAX_OUTPUT_HEAD),
                    base64: row.get::<_, Option<bool>>(4)?.unwrap_or_default(),
                })
            },
        )
    };
    groups.into_iter().filter_map(|found| group(found).transpose()).collect()
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

/// Reads the columns of [`TARGET`], which begin at `from`.
pub(super) fn target_row(row: &Row<'_>, run: &str, from: usize) -> rusqlite::Result<TargetRow> {
    Ok(TargetRow {
        run: run.to_owned(),
        position: row.get(from)?,
        host: row.get(from + 1)?,
        stage: row.get(from + 2)?,
        state: parsed(row, from + 3, |text| text.parse())?,
        code: row.get(from + 4)?,
        why: row.get(from + 5)?,
        sent_at: row.get(from + 6)?,
        accepted_at: row.get(from + 7)?,
        ended_at: row.get(from + 8)?,
        output: row.get::<_, Option<Vec<u8>>>(from + 9)?.map(|digest| text(&digest)),
        change: row.get(from + 10)?,
    })
}

/// Writes a digest in hexadecimal.
fn text(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a digest in hexadecimal.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()
        .filter(|bytes| bytes.len() * 2 == text.len())
}
