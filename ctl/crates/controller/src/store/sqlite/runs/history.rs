//! The history: the ended targets of all runs, newest first.
//!
//! One condition of the search leads, by an index; the others are looked at row by row, of a bounded
//! number of rows, so that no search holds a reader for long.

use super::ledger::{change_after, change_before};
use super::query;
use super::targets::{self, TARGET};
use crate::store::sqlite::sql::Sql as _;
use crate::store::{
    HistoryPage, HistoryQuery, HistoryRow, MAX_HISTORY_COMMAND, MAX_HISTORY_SCANNED,
};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A run's id, method and command.
type RunText = (String, String, Option<String>);

/// Returns a page of the history.
pub(super) fn page(sql: &Connection, query: &HistoryQuery) -> rusqlite::Result<HistoryPage> {
    let run = match &query.run {
        Some(id) => match query::number(sql, id)? {
            Some(number) => Some(number),
            None => return Ok(HistoryPage::default()),
        },
        None => None,
    };
    let (condition, mut values) = leader(query, run);
    let oldest = match query.since {
        Some(since) => change_before(sql, since)?,
        None => 0,
    };
    let newest = match query.until {
        Some(until) => change_after(sql, until)?,
        None => i64::MAX,
    };
    let text = format!(
        "SELECT {TARGET}, t.run, t.operator FROM targets t WHERE {condition} \
         t.ended_at IS NOT NULL AND t.change > ? AND t.change < ? ORDER BY t.change DESC"
    );
    let newest = newest.min(query.before.unwrap_or(i64::MAX));
    values.extend([Value::from(oldest), Value::from(newest)]);
    let mut statement = sql.statement(&text)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut runs: HashMap<i64, RunText> = HashMap::new();
    let (mut page, mut scanned) = (HistoryPage::default(), 0);
    while let Some(row) = rows.next()? {
        scanned += 1;
        let number: i64 = row.get(11)?;
        let mut target = targets::target_row(row, "", 0)?;
        let operator: Option<String> = row.get(12)?;
        page.next = Some(target.change);
        if run.is_none_or(|run| run == number) && query.fits(&target, operator.as_deref()) {
            let (id, method, cmd) = match runs.entry(number) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(place) => place.insert(run_text(sql, number)?).clone(),
            };
            target.run = id;
            page.entries.push(HistoryRow { target, operator, method, cmd });
        }
        if page.entries.len() >= query.limit || scanned >= MAX_HISTORY_SCANNED {
            return Ok(page);
        }
    }
    page.next = None;
    Ok(page)
}

/// Returns the condition that leads.
fn leader(query: &HistoryQuery, run: Option<i64>) -> (&'static str, Vec<Value>) {
    if let Some(host) = &query.host {
        ("t.host = ? AND", vec![Value::from(host.clone())])
    } else if let Some(run) = run {
        ("t.run = ? AND t.change > 0 AND", vec![Value::from(run)])
    } else if let Some(operator) = &query.operator {
        ("t.operator = ? AND", vec![Value::from(operator.clone())])
    } else if let Some(state) = query.state {
        ("t.state = ? AND", vec![Value::from(state.word().to_owned())])
    } else {
        ("", Vec::new())
    }
}

fn run_text(sql: &Connection, number: i64) -> rusqlite::Result<RunText> {
    let found = sql.first(
        "SELECT id, json_extract(request, '$.method'), \
         substr(json_extract(request, '$.cmd'), 1, ?2) FROM runs WHERE number = ?1",
        params![number, crate::store::sqlite::limit(MAX_HISTORY_COMMAND)],
        |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default(), row.get(2)?)),
    )?;
    Ok(found.unwrap_or_default())
}
