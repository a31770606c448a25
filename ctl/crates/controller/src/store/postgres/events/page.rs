//! A page of the audit log: by who, what, on which host, and when.

use super::{chain, event, outcome};
use crate::store::postgres::column::digest;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::{Sql, Value};
use crate::store::postgres::{limit, params};
use crate::store::{EventEnd, EventQuery, EventRow};
use fleet::UnixMillis;

/// Reads a page of events, each with its end.
pub(super) async fn read(sql: &Sql, query: &EventQuery) -> Result<Vec<EventRow>, DbError> {
    let mut text = "SELECT b.sequence, b.at, b.digest, e.at, e.outcome, e.detail, b.actor, \
                    b.source, b.action, b.hosts, b.detail FROM "
        .to_owned();
    let mut values: Vec<Value> = Vec::new();
    let by_host = query.host.is_some();
    let number = if by_host { "h.sequence" } else { "b.sequence" };
    text.push_str(if by_host {
        "event_hosts h JOIN events b ON b.sequence = h.sequence "
    } else {
        "events b "
    });
    text.push_str("LEFT JOIN events e ON e.ends = b.sequence WHERE b.ends IS NULL ");
    let wanted = [("h.host", &query.host), ("b.actor", &query.actor), ("b.action", &query.action)];
    for (column, wanted) in wanted {
        if let Some(wanted) = wanted {
            values.push(Box::new(wanted.clone()));
            text.push_str(&format!("AND {column} = ${} ", values.len()));
        }
    }
    let (after, before) = range(sql, query).await?;
    let order = if query.newest_first { " DESC" } else { "" };
    let next = values.len() + 1;
    text.push_str(&format!(
        "AND {number} > ${next} AND {number} < ${} ORDER BY {number}{order} LIMIT ${}",
        next + 1,
        next + 2
    ));
    values.push(Box::new(after));
    values.push(Box::new(before));
    values.push(Box::new(limit(query.limit)));
    sql.all_of(&text, &values, |row| {
        let end = match row.try_get::<_, Option<UnixMillis>>(3)? {
            Some(at) => Some(EventEnd { at, outcome: outcome(row, 4)?, detail: row.try_get(5)? }),
            None => None,
        };
        Ok(EventRow {
            sequence: row.try_get(0)?,
            at: row.try_get(1)?,
            event: event(row, 6)?,
            digest: digest(row, 2)?,
            end,
        })
    })
    .await
}

/// Returns the numbers between which a page's events lie.
async fn range(sql: &Sql, query: &EventQuery) -> Result<(i64, i64), DbError> {
    let (mut after, mut before) = if query.newest_first {
        (0, query.after.unwrap_or(i64::MAX))
    } else {
        (query.after.unwrap_or(0), i64::MAX)
    };
    if let Some(since) = query.since {
        after = after.max(first_from(sql, since).await? - 1);
    }
    if let Some(until) = query.until {
        before = before.min(first_from(sql, until).await?);
    }
    Ok((after, before))
}

/// Returns the number of the first line from a time on; the next free number if every line is older. Lines
/// are in the order of time, but for those of a clock that was set back.
async fn first_from(sql: &Sql, time: UnixMillis) -> Result<i64, DbError> {
    let (anchor, head) = chain(sql).await?;
    let (mut low, mut high) = (anchor.sequence + 1, head.sequence + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let at: Option<UnixMillis> = sql
            .first("SELECT at FROM events WHERE sequence = $1", params![middle], |row| {
                Ok(row.try_get(0)?)
            })
            .await?;
        if at.is_some_and(|at| at >= time) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
