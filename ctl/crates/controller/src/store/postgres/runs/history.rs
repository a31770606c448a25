//! The history: the ended targets of all runs, newest first.
//!
//! One condition of the search leads, by an index; the others are looked at row by row, of a bounded
//! number of rows, so that no search holds the server for long.

use super::ledger::{change_after, change_before};
use super::query;
use super::targets::{self, TARGET};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::{Sql, Value};
use crate::store::postgres::{limit, params};
use crate::store::{
    HistoryPage, HistoryQuery, HistoryRow, MAX_HISTORY_COMMAND, MAX_HISTORY_SCANNED,
};
use futures_util::StreamExt as _;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use std::pin::pin;

/// Each look at the rows is at more of them than the one before, by this factor.
const GROWTH: usize = 4;

/// A run's id, method and command.
type RunText = (String, String, Option<String>);

/// Returns a page of the history.
pub(super) async fn page(sql: &Sql, query: &HistoryQuery) -> Result<HistoryPage, DbError> {
    let run = match &query.run {
        Some(id) => match query::number_of(sql, id).await? {
            Some(number) => Some(number),
            None => return Ok(HistoryPage::default()),
        },
        None => None,
    };
    let oldest = match query.since {
        Some(since) => change_before(sql, since).await?,
        None => 0,
    };
    let newest = match query.until {
        Some(until) => change_after(sql, until).await?,
        None => i64::MAX,
    };
    let mut before = newest.min(query.before.unwrap_or(i64::MAX));
    let (mut found, mut scanned) = (Vec::new(), 0);
    let mut most = query.limit.clamp(1, MAX_HISTORY_SCANNED);
    let next = 'page: loop {
        let rows = rows(sql, query, run, (oldest, before), most).await?;
        let last = rows.len() < most;
        for (row, number, operator) in rows {
            scanned += 1;
            before = row.change;
            if run.is_none_or(|run| run == number) && query.fits(&row, operator.as_deref()) {
                found.push((row, number, operator));
            }
            if found.len() >= query.limit || scanned >= MAX_HISTORY_SCANNED {
                break 'page Some(before);
            }
        }
        if last {
            break None;
        }
        most = (most * GROWTH).min(MAX_HISTORY_SCANNED - scanned);
    };
    let runs: HashSet<i64> = found.iter().map(|(_, number, _)| *number).collect();
    let texts = run_texts(sql, &runs.into_iter().collect::<Vec<_>>()).await?;
    let entry = |(mut target, number, operator): Ended| {
        let (id, method, cmd) = texts.get(&number).cloned().unwrap_or_default();
        target.run = id;
        HistoryRow { target, operator, method, cmd }
    };
    Ok(HistoryPage { entries: found.into_iter().map(entry).collect(), next })
}

/// A target that has ended, its run's number, and who applied it.
type Ended = (crate::store::TargetRow, i64, Option<String>);

/// Reads some rows, by the condition that leads, newest first.
async fn rows(
    sql: &Sql,
    query: &HistoryQuery,
    run: Option<i64>,
    (after, before): (i64, i64),
    most: usize,
) -> Result<Vec<Ended>, DbError> {
    let (condition, leader): (&str, Option<Value>) = if let Some(host) = &query.host {
        ("t.host = $4 AND", Some(Box::new(host.clone())))
    } else if let Some(run) = run {
        ("t.run = $4 AND t.change > 0 AND", Some(Box::new(run)))
    } else if let Some(operator) = &query.operator {
        ("t.operator = $4 AND", Some(Box::new(operator.clone())))
    } else if let Some(state) = query.state {
        ("t.state = $4 AND", Some(Box::new(state.word())))
    } else {
        ("", None)
    };
    let text = format!(
        "SELECT {TARGET}, t.run, t.operator FROM targets t WHERE {condition} \
         t.ended_at IS NOT NULL AND t.change > $1 AND t.change < $2 ORDER BY t.change DESC LIMIT $3"
    );
    let mut values: Vec<Value> = vec![Box::new(after), Box::new(before), Box::new(limit(most))];
    values.extend(leader);
    sql.all_of(&text, &values, |row| {
        Ok((targets::target_row(row, "")?, row.try_get(11)?, row.try_get(12)?))
    })
    .await
}

/// Reads what runs were asked for, one after the other: a request may be long.
async fn run_texts(sql: &Sql, runs: &[i64]) -> Result<HashMap<i64, RunText>, DbError> {
    let mut texts = HashMap::new();
    if runs.is_empty() {
        return Ok(texts);
    }
    let rows = sql
        .stream("SELECT number, id, request FROM runs WHERE number = ANY($1)", params![runs])
        .await?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.next().await {
        let row = row?;
        let request: Json = serde_json::from_str(row.try_get(2)?).unwrap_or_default();
        let text = |name| request.get(name).and_then(Json::as_str);
        let cmd = text("cmd").map(|cmd| cmd.chars().take(MAX_HISTORY_COMMAND).collect());
        let method = text("method").unwrap_or_default().to_owned();
        texts.insert(row.try_get(0)?, (row.try_get(1)?, method, cmd));
    }
    // Within no transaction: all of it is read.
    sql.set_open(false);
    Ok(texts)
}
