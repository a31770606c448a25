//! The audit log, in the tables `events`, `event_hosts`, `open_events` and `event_chain`.
//!
//! The rules of the chain are those of `fleet::audit`. `event_chain` holds the anchor (the last
//! line that was deleted for its age) and the head, so that lines removed from the end are missed
//! too.

mod page;
#[cfg(test)]
mod tests;

use super::SqliteStore;
use super::change::{ChangeError, Transaction};
use super::column::{document, json, parsed};
use super::sql::Sql as _;
pub(super) use crate::store::audit_line::MAX_LINES;
use crate::store::audit_line::{
    CHECKED, Line, LogCheck, MAX_DELETED, fits, not_open, outcome_name, outcome_named,
};
use crate::store::{EventQuery, EventRow, Events, StoreError, Verified};
use async_trait::async_trait;
use fleet::audit::{Anchor, Body, Entry, Event, Outcome};
use fleet::{Digest, UnixMillis};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use tokio::sync::watch;

#[async_trait]
impl Events for SqliteStore {
    async fn begin(&self, event: Event, at: UnixMillis) -> Result<i64, StoreError> {
        self.change(move |transaction| begin(transaction, &event, at)).await
    }

    async fn complete(
        &self,
        sequence: i64,
        outcome: Outcome,
        detail: Option<String>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        self.change(move |transaction| complete(transaction, sequence, outcome, detail.clone(), at))
            .await
    }

    async fn record(
        &self,
        event: Event,
        outcome: Outcome,
        at: UnixMillis,
    ) -> Result<i64, StoreError> {
        self.change(move |transaction| record(transaction, &event, outcome, at)).await
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<EventRow>, StoreError> {
        self.readers
            .query("a page of the audit log", move |connection| page::read(connection, &query))
            .await
    }

    fn newest_event(&self) -> watch::Receiver<i64> {
        self.published.newest_event()
    }

    async fn verify_events(&self) -> Result<Verified, StoreError> {
        let mut check = LogCheck::begin(self.readers.query("the audit log", chain).await?);
        while let Some((after, last)) = check.next() {
            let read = move |connection: &Connection| lines(connection, after, last);
            check.take(self.readers.query("the audit log", read).await?);
        }
        Ok(check.found())
    }
}

/// Appends the line that begins an event.
pub(super) fn begin(
    transaction: &mut Transaction<'_>,
    event: &Event,
    at: UnixMillis,
) -> Result<i64, ChangeError> {
    let sequence = append(transaction, Body::Begun(event.clone()), at)?;
    transaction.sql.run("INSERT INTO open_events (sequence) VALUES (?)", params![sequence])?;
    Ok(sequence)
}

/// Appends both lines of an event that is over.
pub(super) fn record(
    transaction: &mut Transaction<'_>,
    event: &Event,
    outcome: Outcome,
    at: UnixMillis,
) -> Result<i64, ChangeError> {
    let begun = append(transaction, Body::Begun(event.clone()), at)?;
    append(transaction, Body::Ended { begun, outcome, detail: None }, at)?;
    Ok(begun)
}

/// Appends the line that ends an event.
fn complete(
    transaction: &mut Transaction<'_>,
    begun: i64,
    outcome: Outcome,
    detail: Option<String>,
    at: UnixMillis,
) -> Result<(), ChangeError> {
    let open = transaction.sql.run("DELETE FROM open_events WHERE sequence = ?", params![begun])?;
    if open == 0 {
        return Err(not_open(begun).into());
    }
    append(transaction, Body::Ended { begun, outcome, detail }, at).map(|_| ())
}

/// Ends the events that the last run of the controller left open.
pub(super) fn close_open(
    transaction: &mut Transaction<'_>,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    close_before(transaction, UnixMillis::MAX, at)
}

/// Ends the events that were begun more than a day ago and have not ended.
pub(super) fn close_abandoned(
    transaction: &mut Transaction<'_>,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    close_before(transaction, at - fleet::DAY, at)
}

fn close_before(
    transaction: &mut Transaction<'_>,
    end: UnixMillis,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    let open: Vec<i64> = transaction.sql.all(
        "SELECT open_events.sequence FROM open_events \
         CROSS JOIN events ON events.sequence = open_events.sequence \
         WHERE events.at < ? ORDER BY open_events.sequence",
        params![end],
        |row| row.get(0),
    )?;
    for sequence in &open {
        complete(transaction, *sequence, Outcome::Unknown, None, at)?;
    }
    Ok(open.len())
}

fn append(
    transaction: &mut Transaction<'_>,
    body: Body,
    at: UnixMillis,
) -> Result<i64, ChangeError> {
    let sql = transaction.sql;
    let (_, head) = chain(sql)?;
    let entry = Entry { sequence: head.sequence + 1, at, body };
    fits(&entry)?;
    let next = head.next(&entry);
    match &entry.body {
        Body::Begun(event) => {
            sql.run(
                "INSERT INTO events (sequence, at, actor, source, action, hosts, detail, digest) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    next.sequence,
                    at,
                    event.actor,
                    event.source,
                    event.action,
                    document(&event.hosts),
                    event.detail,
                    next.digest.as_bytes()
                ],
            )?;
            for host in &event.hosts {
                sql.run(
                    "INSERT OR IGNORE INTO event_hosts (host, sequence) VALUES (?, ?)",
                    params![host, next.sequence],
                )?;
            }
        }
        Body::Ended { begun, outcome, detail } => {
            sql.run(
                "INSERT INTO events (sequence, at, ends, outcome, detail, digest) \
                 VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    next.sequence,
                    at,
                    begun,
                    outcome_name(*outcome),
                    detail,
                    next.digest.as_bytes()
                ],
            )?;
        }
    }
    sql.run(
        "UPDATE event_chain SET head = ?, head_digest = ?",
        params![next.sequence, next.digest.as_bytes()],
    )?;
    transaction.effects.newest_event = Some(next.sequence);
    Ok(next.sequence)
}

/// Deletes some of the lines from before `oldest`, and what exceeds the bound; returns whether there
/// may be more.
pub(super) fn delete_old(sql: &Connection, oldest: UnixMillis) -> rusqlite::Result<bool> {
    let (anchor, head) = chain(sql)?;
    let beyond = head.sequence - MAX_LINES;
    // The lines are in the order of their numbers: the first one that is young enough stays, and
    // everything behind it.
    let lines: Vec<(i64, UnixMillis, Digest)> = sql.all(
        "SELECT sequence, at, digest FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
        params![anchor.sequence, MAX_DELETED],
        |row| Ok((row.get(0)?, row.get(1)?, Digest::from_bytes(row.get(2)?))),
    )?;
    let full = lines.len() >= usize::try_from(MAX_DELETED).unwrap_or(usize::MAX);
    let old: Vec<_> =
        lines.iter().take_while(|(sequence, at, _)| *at < oldest || *sequence <= beyond).collect();
    let Some((last, _, digest)) = old.last() else { return Ok(false) };
    sql.run(
        "UPDATE event_chain SET anchor = ?, anchor_digest = ?",
        params![last, digest.as_bytes()],
    )?;
    sql.run("DELETE FROM event_hosts WHERE sequence <= ?", params![last])?;
    sql.run("DELETE FROM open_events WHERE sequence <= ?", params![last])?;
    sql.run("DELETE FROM events WHERE sequence <= ?", params![last])?;
    Ok(full && old.len() == lines.len())
}

/// Returns where the log begins and ends.
pub(super) fn chain(sql: &Connection) -> rusqlite::Result<(Anchor, Anchor)> {
    let found =
        sql.first("SELECT anchor, anchor_digest, head, head_digest FROM event_chain", [], |row| {
            let place = |at| {
                let digest = Digest::from_bytes(row.get(at + 1)?);
                Ok::<_, rusqlite::Error>(Anchor { sequence: row.get(at)?, digest })
            };
            Ok((place(0)?, place(2)?))
        })?;
    found.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Returns lines after one, oldest first, none beyond the last.
pub(super) fn lines(sql: &Connection, after: i64, last: i64) -> rusqlite::Result<Vec<Line>> {
    sql.all(
        "SELECT sequence, at, ends, outcome, actor, source, action, hosts, detail, digest \
         FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?",
        params![after, last, CHECKED],
        |row| {
            let sequence = row.get(0)?;
            Ok(line(row, sequence).map_err(|_| sequence))
        },
    )
}

fn line(row: &Row<'_>, sequence: i64) -> rusqlite::Result<(Entry, Digest)> {
    let ends: Option<i64> = row.get(2)?;
    // The digest covers what the line says; the columns of the other kind of line say nothing.
    for column in if ends.is_some() { 4..8 } else { 3..4 } {
        if row.get_ref(column)? != ValueRef::Null {
            return Err(rusqlite::Error::InvalidQuery);
        }
    }
    let body = match ends {
        Some(begun) => Body::Ended { begun, outcome: outcome_in(row, 3)?, detail: row.get(8)? },
        None => Body::Begun(event(row, 4)?),
    };
    let entry = Entry { sequence, at: row.get(1)?, body };
    Ok((entry, Digest::from_bytes(row.get(9)?)))
}

/// Reads the columns actor, source, action, hosts and detail.
fn event(row: &Row<'_>, first: usize) -> rusqlite::Result<Event> {
    Ok(Event {
        actor: row.get(first)?,
        source: row.get(first + 1)?,
        action: row.get(first + 2)?,
        hosts: json(row, first + 3)?,
        detail: row.get(first + 4)?,
    })
}

fn outcome_in(row: &Row<'_>, column: usize) -> rusqlite::Result<Outcome> {
    parsed(row, column, |name| outcome_named(name).ok_or("not an outcome"))
}
