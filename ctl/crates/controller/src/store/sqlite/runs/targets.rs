//! The targets of runs and their outputs, as operators and the driver look at them.

use super::query::number;
use crate::store::sqlite::column::{json, parsed};
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::steps::{digest_in_hex, digest_of_hex};
use crate::store::{
    MAX_OUTPUT_HEAD, MAX_OUTPUT_HOSTS, OutputRow, TargetQuery, TargetRow, TargetSeed,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

/// The columns of a [`TargetRow`] but the run's id.
pub(super) const TARGET: &str = "t.position, t.host, t.stage, t.state, t.code, t.why, t.sent_at, \
                                 t.accepted_at, t.ended_at, t.output, t.change";
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
        let Some(output) = digest_of_hex(output) else { return Ok(Vec::new()) };
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
                    digest: digest_in_hex(&digest),
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
        output: row.get::<_, Option<Vec<u8>>>(from + 9)?.map(|digest| digest_in_hex(&digest)),
        change: row.get(from + 10)?,
    })
}
