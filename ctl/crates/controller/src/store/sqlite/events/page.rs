//! A page of the audit log: by who, what, on which host, and when.

use super::{chain, event, outcome_in};
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{EventEnd, EventQuery, EventRow};
use fleet::{Digest, UnixMillis};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

/// Reads a page of events, each with its end.
pub(super) fn read(sql: &Connection, query: &EventQuery) -> rusqlite::Result<Vec<EventRow>> {
    let mut text = "SELECT b.sequence, b.at, b.digest, e.at, e.outcome, e.detail, b.actor, \
                    b.source, b.action, b.hosts, b.detail FROM "
        .to_owned();
    let mut values: Vec<Value> = Vec::new();
    let by_host = query.host.is_some();
    let number = if by_host { "h.sequence" } else { "b.sequence" };
    text.push_str(if by_host {
        "event_hosts h CROSS JOIN events b ON b.sequence = h.sequence "
    } else {
        "events b "
    });
    text.push_str("LEFT JOIN events e ON e.ends = b.sequence WHERE b.ends IS NULL ");
    if let Some(host) = &query.host {
        text.push_str("AND h.host = ? ");
        values.push(host.clone().into());
    }
    for (column, wanted) in [("actor", &query.actor), ("action", &query.action)] {
        if let Some(wanted) = wanted {
            // The unary + keeps the index by host where one is asked for.
            let plain = if by_host { "+" } else { "" };
            text.push_str(&format!("AND {plain}b.{column} = ? "));
            values.push(wanted.clone().into());
        }
    }
    let (after, before) = range(sql, query)?;
    let order = if query.newest_first { " DESC" } else { "" };
    text.push_str(&format!("AND {number} > ? AND {number} < ? ORDER BY {number}{order} LIMIT ?"));
    values.push(after.into());
    values.push(before.into());
    values.push(limit(query.limit).into());
    sql.all(&text, params_from_iter(values), |row| {
        let end = match row.get::<_, Option<UnixMillis>>(3)? {
            Some(at) => Some(EventEnd { at, outcome: outcome_in(row, 4)?, detail: row.get(5)? }),
            None => None,
        };
        Ok(EventRow {
            sequence: row.get(0)?,
            at: row.get(1)?,
            event: event(row, 6)?,
            digest: Digest::from_bytes(row.get(2)?),
            end,
        })
    })
}

/// Returns the numbers between which a page's events lie.
fn range(sql: &Connection, query: &EventQuery) -> rusqlite::Result<(i64, i64)> {
    let (mut after, mut before) = if query.newest_first {
        (0, query.after.unwrap_or(i64::MAX))
    } else {
        (query.after.unwrap_or(0), i64::MAX)
    };
    if let Some(since) = query.since {
        after = after.max(first_from(sql, since)? - 1);
    }
    if let Some(until) = query.until {
        before = before.min(first_from(sql, until)?);
    }
    Ok((after, before))
}

/// Returns the number of the first line from a time on; behind the last where there is none. Lines
/// are in the order of time, but for those of a clock that was set back.
fn first_from(sql: &Connection, time: UnixMillis) -> rusqlite::Result<i64> {
    let (anchor, head) = chain(sql)?;
    let (mut low, mut high) = (anchor.sequence + 1, head.sequence + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let at: Option<UnixMillis> =
            sql.first("SELECT at FROM events WHERE sequence = ?", params![middle], |row| {
                row.get(0)
            })?;
        if at.is_some_and(|at| at >= time) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
