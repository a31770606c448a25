//! The targets of runs and their outputs, as operators and the driver look at them.

use super::query::number_of;
use crate::store::postgres::column::{count, json, number, parsed};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::{Sql, Value};
use crate::store::postgres::{limit, params};
use crate::store::steps::{digest_in_hex, digest_of_hex};
use crate::store::{
    MAX_OUTPUT_HEAD, MAX_OUTPUT_HOSTS, OutputRow, TargetQuery, TargetRow, TargetSeed,
};
use futures_util::StreamExt as _;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;
use tokio_postgres::Row;

/// The columns of a [`TargetRow`] but the run's id.
pub(super) const TARGET: &str = "t.position, t.host, t.stage, t.state, t.code, t.why, t.sent_at, \
                                 t.accepted_at, t.ended_at, t.output, t.change";

/// The groups of equal outputs: each with its first target, and the hosts of some.
const OUTPUTS: &str = "\
    SELECT g.output, g.targets, t.state, t.code, t.result, \
    (SELECT array_agg(h.host ORDER BY h.position) FROM (SELECT host, position FROM targets \
    WHERE run = $1 AND output = g.output ORDER BY position LIMIT $3) h) \
    FROM (SELECT output, count(*) AS targets FROM targets WHERE run = $1 AND output IS NOT NULL \
    GROUP BY output ORDER BY 2 DESC, 1 LIMIT $2) g \
    CROSS JOIN LATERAL (SELECT state, code, result FROM targets \
    WHERE run = $1 AND output = g.output ORDER BY position LIMIT 1) t \
    ORDER BY g.targets DESC, g.output";

/// Returns a page of targets.
pub(super) async fn targets(sql: &Sql, query: &TargetQuery) -> Result<Vec<TargetRow>, DbError> {
    let Some(run) = number_of(sql, &query.run).await? else { return Ok(Vec::new()) };
    let mut text = format!("SELECT {TARGET} FROM targets t WHERE t.run = $1 ");
    let mut values: Vec<Value> = vec![Box::new(run)];
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        let _ = write!(text, "AND {condition} ${} ", values.len());
    };
    if let Some(state) = query.state {
        add("t.state =", Box::new(state.word()));
    }
    if let Some(output) = &query.output {
        let Some(output) = digest_of_hex(output) else { return Ok(Vec::new()) };
        add("t.output =", Box::new(output));
    }
    let mut after = query.after.map_or(-1, super::position);
    if let Some(stage) = query.stage {
        // A stage follows the one before it.
        let (first, behind) = places(sql, run, stage).await?;
        after = after.max(first - 1);
        add("t.position <", Box::new(behind));
    }
    add("t.position >", Box::new(after));
    add("true ORDER BY t.position LIMIT", Box::new(limit(query.limit)));
    sql.all_of(&text, &values, |row| target_row(row, &query.run)).await
}

/// Returns the first position of a stage and the one behind its last.
async fn places(sql: &Sql, run: i64, stage: u16) -> Result<(i32, i32), DbError> {
    let found = sql
        .first(
            "SELECT coalesce(sum(targets) FILTER (WHERE stage < $2), 0)::integer, \
             coalesce(sum(targets), 0)::integer \
             FROM target_counts WHERE run = $1 AND stage <= $2",
            params![run, i32::from(stage)],
            |row| Ok((row.try_get(0)?, row.try_get(1)?)),
        )
        .await?;
    Ok(found.unwrap_or_default())
}

/// Returns one target.
pub(super) async fn target(sql: &Sql, id: &str, host: &str) -> Result<Option<TargetRow>, DbError> {
    let text = format!(
        "SELECT {TARGET} FROM runs r JOIN targets t ON t.run = r.number \
         WHERE r.id = $1 AND t.host = $2"
    );
    sql.first(&text, params![id, host], |row| target_row(row, id)).await
}

/// Returns the event or reply of a target.
pub(super) async fn result(sql: &Sql, id: &str, host: &str) -> Result<Option<String>, DbError> {
    sql.first(
        "SELECT e.event FROM runs r JOIN targets t ON t.run = r.number \
         JOIN results e ON e.sequence = t.result WHERE r.id = $1 AND t.host = $2",
        params![id, host],
        |row| Ok(row.try_get(0)?),
    )
    .await
}

/// Returns the targets that changed after a change.
pub(super) async fn changes(
    sql: &Sql,
    id: &str,
    after: i64,
    most: usize,
) -> Result<Vec<TargetRow>, DbError> {
    let Some(number) = number_of(sql, id).await? else { return Ok(Vec::new()) };
    let text = format!(
        "SELECT {TARGET} FROM targets t WHERE t.run = $1 AND t.change > 0 AND t.change > $2 \
         ORDER BY t.change LIMIT $3"
    );
    sql.all(&text, params![number, after, limit(most)], |row| target_row(row, id)).await
}

/// Returns the targets as their driver needs them.
pub(super) async fn seeds(
    sql: &Sql,
    run: i64,
    from: u32,
    most: usize,
) -> Result<Vec<TargetSeed>, DbError> {
    sql.all(
        "SELECT host, budgets, state, sent_at, why, code FROM targets \
         WHERE run = $1 AND position >= $2 ORDER BY position LIMIT $3",
        params![run, super::position(from), limit(most)],
        |row| {
            let (budgets, code): (Option<&str>, Option<i32>) = (row.try_get(1)?, row.try_get(5)?);
            Ok(TargetSeed {
                host: row.try_get(0)?,
                budgets: if budgets.is_some() { json(row, 1)? } else { Vec::new() },
                state: parsed(row, 2, |text| text.parse())?,
                sent_at: row.try_get(3)?,
                code: code.map(|_| number(row, 5)).transpose()?,
                why: row.try_get(4)?,
            })
        },
    )
    .await
}

/// Returns the groups of equal outputs.
pub(super) async fn outputs(sql: &Sql, id: &str, most: usize) -> Result<Vec<OutputRow>, DbError> {
    let Some(run) = number_of(sql, id).await? else { return Ok(Vec::new()) };
    let groups = sql
        .all(OUTPUTS, params![run, limit(most), limit(MAX_OUTPUT_HOSTS)], |row| {
            let code: Option<i32> = row.try_get(3)?;
            let group = OutputRow {
                digest: digest_in_hex(row.try_get(0)?),
                count: count(row, 1)?,
                state: parsed(row, 2, |text| text.parse())?,
                code: code.map(|_| number(row, 3)).transpose()?,
                hosts: row.try_get(5)?,
                head: String::new(),
                truncated: false,
                base64: false,
            };
            Ok((group, row.try_get::<_, Option<i64>>(4)?))
        })
        .await?;
    let results: Vec<i64> = groups.iter().filter_map(|(_, result)| *result).collect();
    let mut heads = heads(sql, &results).await?;
    let group = |(group, result): (OutputRow, Option<i64>)| {
        let head = result.and_then(|result| heads.remove(&result)).unwrap_or_default();
        let Head { text, truncated, base64 } = head;
        OutputRow { head: text, truncated, base64, ..group }
    };
    Ok(groups.into_iter().map(group).collect())
}

/// The beginning of an output.
#[derive(Debug, Default)]
struct Head {
    text: String,
    truncated: bool,
    base64: bool,
}

/// Reads the beginnings of outputs, one event at a time: PostgreSQL's own JSON functions refuse some
/// events that an agent may send (an escaped NUL).
async fn heads(sql: &Sql, results: &[i64]) -> Result<HashMap<i64, Head>, DbError> {
    let mut heads = HashMap::new();
    if results.is_empty() {
        return Ok(heads);
    }
    let rows = sql
        .stream("SELECT sequence, event FROM results WHERE sequence = ANY($1)", params![results])
        .await?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.next().await {
        let row = row?;
        heads.insert(row.try_get(0)?, Head::of(row.try_get(1)?));
    }
    // Within no transaction: all of it is read.
    sql.set_open(false);
    Ok(heads)
}

impl Head {
    fn of(event: &str) -> Self {
        let event: Json = serde_json::from_str(event).unwrap_or_default();
        let output = match event.get("data") {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let end = output.char_indices().nth(MAX_OUTPUT_HEAD).map(|(end, _)| end);
        Self {
            text: output[..end.unwrap_or(output.len())].to_owned(),
            truncated: end.is_some(),
            base64: event.get("encoding").is_some_and(|encoding| encoding == "base64"),
        }
    }
}

/// Reads the columns of [`TARGET`].
pub(super) fn target_row(row: &Row, run: &str) -> Result<TargetRow, DbError> {
    let code: Option<i32> = row.try_get(4)?;
    Ok(TargetRow {
        run: run.to_owned(),
        position: number(row, 0)?,
        host: row.try_get(1)?,
        stage: number(row, 2)?,
        state: parsed(row, 3, |text| text.parse())?,
        code: code.map(|_| number(row, 4)).transpose()?,
        why: row.try_get(5)?,
        sent_at: row.try_get(6)?,
        accepted_at: row.try_get(7)?,
        ended_at: row.try_get(8)?,
        output: row.try_get::<_, Option<&[u8]>>(9)?.map(digest_in_hex),
        change: row.try_get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_output_is_cut_between_characters() {
        let of = |data: &str| Head::of(&format!(r#"{{"data":{data},"encoding":"base64"}}"#));
        let long = of(&format!("\"{}\"", "é".repeat(MAX_OUTPUT_HEAD + 1)));
        assert_eq!((long.text.chars().count(), long.truncated), (MAX_OUTPUT_HEAD, true));
        let whole = of(&format!("\"{}\"", "é".repeat(MAX_OUTPUT_HEAD)));
        assert_eq!((whole.truncated, whole.base64), (false, true));
        for (data, text) in [("null", ""), (r#"{"a": [1]}"#, r#"{"a":[1]}"#), (r#""\u0000""#, "\0")]
        {
            assert_eq!(of(data).text, text);
        }
    }
}
