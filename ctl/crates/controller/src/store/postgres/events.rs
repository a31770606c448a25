//! The audit log, in the tables `events`, `event_hosts`, `open_events` and `event_chain`.
//!
//! The rules of the chain are those of `fleet::audit`. `event_chain` holds the anchor (the last line
//! that was deleted for its age) and the head. Whoever appends locks its row, so that lines come one
//! after the other and each is seen after those before it; it is the last lock of a transaction.

mod insert;
mod page;

use super::change::{ChangeError, Transaction, change, query};
use super::column::{digest, json, parsed};
use super::error::DbError;
use super::sql::Sql;
use super::{PostgresStore, params};
use crate::store::audit_line::{
    CHECKED, Line, LogCheck, MAX_DELETED, fits, not_open, outcome_named,
};
use crate::store::{EventQuery, EventRow, Events, StoreError, Verified};
use async_trait::async_trait;
use fleet::audit::{Anchor, Body, Entry, Event, Outcome};
use fleet::{Digest, UnixMillis};
use insert::Lines;
use tokio::sync::watch;
use tokio_postgres::{Client, Row};

#[async_trait]
impl Events for PostgresStore {
    async fn begin(&self, event: Event, at: UnixMillis) -> Result<i64, StoreError> {
        change!(self, |transaction| begin(&mut transaction, &event, at))
    }

    async fn complete(
        &self,
        sequence: i64,
        outcome: Outcome,
        detail: Option<String>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        change!(self, |transaction| complete(
            &mut transaction,
            sequence,
            outcome,
            detail.clone(),
            at
        ))
    }

    async fn record(
        &self,
        event: Event,
        outcome: Outcome,
        at: UnixMillis,
    ) -> Result<i64, StoreError> {
        change!(self, |transaction| record(&mut transaction, &event, outcome, at))
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<EventRow>, StoreError> {
        query!(self, "a page of the audit log", |sql| page::read(&sql, &query))
    }

    fn newest_event(&self) -> watch::Receiver<i64> {
        self.core.published.newest_event()
    }

    async fn verify_events(&self) -> Result<Verified, StoreError> {
        let mut check = LogCheck::begin(query!(self, "the audit log", |sql| chain(&sql))?);
        while let Some((after, last)) = check.next() {
            check.take(query!(self, "the audit log", |sql| lines(&sql, after, last))?);
        }
        Ok(check.found())
    }
}

/// Appends the line that begins an event.
async fn begin(
    transaction: &mut Transaction,
    event: &Event,
    at: UnixMillis,
) -> Result<i64, ChangeError> {
    let sequence = append(transaction, Body::Begun(event.clone()), at).await?;
    let open = "INSERT INTO open_events (sequence, node) VALUES ($1, $2)";
    transaction.sql.run(open, params![sequence, transaction.node]).await?;
    Ok(sequence)
}

/// Appends both lines of an event that is over.
pub(super) async fn record(
    transaction: &mut Transaction,
    event: &Event,
    outcome: Outcome,
    at: UnixMillis,
) -> Result<i64, ChangeError> {
    let head = head(transaction).await?;
    let begun = head.sequence + 1;
    let ended = Body::Ended { begun, outcome, detail: None };
    write(transaction, head, vec![Body::Begun(event.clone()), ended], at).await?;
    Ok(begun)
}

/// Appends the line that ends an event.
async fn complete(
    transaction: &mut Transaction,
    begun: i64,
    outcome: Outcome,
    detail: Option<String>,
    at: UnixMillis,
) -> Result<(), ChangeError> {
    let close = "DELETE FROM open_events WHERE sequence = $1";
    if transaction.sql.run(close, params![begun]).await? == 0 {
        return Err(not_open(begun).into());
    }
    append(transaction, Body::Ended { begun, outcome, detail }, at).await.map(|_| ())
}

/// Ends the events that the last run of the controller, or of this node, left open; returns their
/// number.
pub(super) async fn close_open(
    transaction: &mut Transaction,
    node: Option<i32>,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    close_before(transaction, UnixMillis::MAX, node, at).await
}

/// Ends the events that were begun more than a day ago and have not ended.
pub(super) async fn close_abandoned(
    transaction: &mut Transaction,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    close_before(transaction, at - fleet::DAY, None, at).await
}

async fn close_before(
    transaction: &mut Transaction,
    end: UnixMillis,
    node: Option<i32>,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    let open: Vec<i64> = transaction
        .sql
        .all(
            "SELECT sequence FROM open_events o \
             WHERE (SELECT at FROM events e WHERE e.sequence = o.sequence) < $1 \
             AND ($2::integer IS NULL OR node = $2 OR node IS NULL) ORDER BY sequence",
            params![end, node],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    for sequence in &open {
        complete(transaction, *sequence, Outcome::Unknown, None, at).await?;
    }
    Ok(open.len())
}

/// Appends a line; returns its number.
async fn append(
    transaction: &mut Transaction,
    body: Body,
    at: UnixMillis,
) -> Result<i64, ChangeError> {
    let head = head(transaction).await?;
    write(transaction, head, vec![body], at).await?;
    Ok(head.sequence + 1)
}

/// Returns the end of the log, which no other transaction moves before this one ends.
async fn head(transaction: &mut Transaction) -> Result<Anchor, ChangeError> {
    if let Some(head) = transaction.head {
        return Ok(head);
    }
    let read = "SELECT head, head_digest FROM event_chain FOR UPDATE";
    let found = transaction.sql.first(read, params![], |row| {
        Ok(Anchor { sequence: row.try_get(0)?, digest: digest(row, 1)? })
    });
    found.await?.ok_or_else(|| no_chain().into())
}

/// Appends lines to the log, which ends at `head`.
async fn write(
    transaction: &mut Transaction,
    mut head: Anchor,
    bodies: Vec<Body>,
    at: UnixMillis,
) -> Result<(), ChangeError> {
    let mut lines = Lines::default();
    for body in bodies {
        let entry = Entry { sequence: head.sequence + 1, at, body };
        fits(&entry)?;
        head = head.next(&entry);
        lines.add(entry, head.digest);
    }
    lines.insert(&transaction.sql, head, at).await?;
    transaction.head = Some(head);
    transaction.effects.newest_event = Some(head.sequence);
    Ok(())
}

/// Deletes some of the lines from before `oldest`, and what exceeds `most`; returns whether there
/// may be more.
pub(super) async fn delete_old(sql: &Sql, oldest: UnixMillis, most: i64) -> Result<bool, DbError> {
    let (anchor, head) = chain(sql).await?;
    let beyond = head.sequence - most;
    // The lines are in the order of their numbers: the first one that is young enough stays, and
    // everything behind it.
    let lines: Vec<(i64, UnixMillis, Digest)> = sql
        .all(
            "SELECT sequence, at, digest FROM events WHERE sequence > $1 \
             ORDER BY sequence LIMIT $2",
            params![anchor.sequence, MAX_DELETED],
            |row| Ok((row.try_get(0)?, row.try_get(1)?, digest(row, 2)?)),
        )
        .await?;
    let full = lines.len() >= usize::try_from(MAX_DELETED).unwrap_or(usize::MAX);
    let old: Vec<_> =
        lines.iter().take_while(|(sequence, at, _)| *at < oldest || *sequence <= beyond).collect();
    let Some((last, _, digest)) = old.last() else { return Ok(false) };
    sql.run(
        "UPDATE event_chain SET anchor = $1, anchor_digest = $2",
        params![last, &digest.as_bytes()[..]],
    )
    .await?;
    for delete in [
        "DELETE FROM event_hosts WHERE sequence <= $1",
        "DELETE FROM open_events WHERE sequence <= $1",
        "DELETE FROM events WHERE sequence <= $1",
    ] {
        sql.run(delete, params![last]).await?;
    }
    Ok(full && old.len() == lines.len())
}

const CHAIN: &str = "SELECT anchor, anchor_digest, head, head_digest FROM event_chain";

const LINES: &str = "\
    SELECT sequence, at, ends, outcome, actor, source, action, hosts, detail, digest \
    FROM events WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3";

/// Returns where the log begins and ends.
pub(super) async fn chain(sql: &Sql) -> Result<(Anchor, Anchor), DbError> {
    sql.first(CHAIN, params![], ends).await?.ok_or_else(no_chain)
}

/// As [`chain`], over a connection that is not of the pool.
pub(super) async fn chain_by(client: &Client) -> Result<(Anchor, Anchor), DbError> {
    client.query_opt(CHAIN, &[]).await?.as_ref().map(ends).transpose()?.ok_or_else(no_chain)
}

fn ends(row: &Row) -> Result<(Anchor, Anchor), DbError> {
    let place = |at: usize| {
        Ok::<_, DbError>(Anchor { sequence: row.try_get(at)?, digest: digest(row, at + 1)? })
    };
    Ok((place(0)?, place(2)?))
}

fn no_chain() -> DbError {
    DbError::Content("the row of the table event_chain is missing".to_owned())
}

/// Returns lines after one, oldest first, none beyond the last.
async fn lines(sql: &Sql, after: i64, last: i64) -> Result<Vec<Line>, DbError> {
    sql.all(LINES, params![after, last, CHECKED], numbered).await
}

/// As [`lines`], over a connection that is not of the pool.
pub(super) async fn lines_by(client: &Client, after: i64, last: i64) -> Result<Vec<Line>, DbError> {
    client.query(LINES, params![after, last, CHECKED]).await?.iter().map(numbered).collect()
}

fn numbered(row: &Row) -> Result<Line, DbError> {
    let sequence = row.try_get(0)?;
    Ok(line(row, sequence).map_err(|_| sequence))
}

fn line(row: &Row, sequence: i64) -> Result<(Entry, Digest), DbError> {
    let ends: Option<i64> = row.try_get(2)?;
    // The digest covers what the line says; the columns of the other kind of line say nothing.
    for column in if ends.is_some() { 4..8 } else { 3..4 } {
        if row.try_get::<_, Option<&str>>(column)?.is_some() {
            return Err(DbError::Content("a line that both begins and ends an event".to_owned()));
        }
    }
    let body = match ends {
        Some(begun) => Body::Ended { begun, outcome: outcome(row, 3)?, detail: row.try_get(8)? },
        None => Body::Begun(event(row, 4)?),
    };
    Ok((Entry { sequence, at: row.try_get(1)?, body }, digest(row, 9)?))
}

/// Reads the columns actor, source, action, hosts and detail.
fn event(row: &Row, first: usize) -> Result<Event, DbError> {
    Ok(Event {
        actor: row.try_get(first)?,
        source: row.try_get(first + 1)?,
        action: row.try_get(first + 2)?,
        hosts: json(row, first + 3)?,
        detail: row.try_get(first + 4)?,
    })
}

fn outcome(row: &Row, column: usize) -> Result<Outcome, DbError> {
    parsed(row, column, |name| outcome_named(name).ok_or("not an outcome"))
}
