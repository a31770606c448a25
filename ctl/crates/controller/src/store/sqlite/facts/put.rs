//! Writes a host's facts within the writer's transaction.

use super::super::change::{ChangeError, Transaction};
use super::super::hosts::labels;
use super::super::sql::Sql as _;
use super::sweep;
use crate::store::documents::{AGAIN, MAX_MESSAGE, NewBody, NewDocument, Newest, Prepared};
use crate::store::{DocumentNumber, FactAnswer, HostAnswers, StoreError, StoredAnswers};
use fleet::UnixMillis;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// A host's fact as it is now.
struct Current {
    since: UnixMillis,
    document: Option<DocumentNumber>,
}

/// Writes all answers.
pub(super) fn put(
    transaction: &mut Transaction<'_>,
    answers: &HostAnswers,
    prepared: &Prepared,
    max_bytes: i64,
) -> Result<StoredAnswers, ChangeError> {
    let sql = transaction.sql;
    let host = sql
        .first("SELECT number FROM hosts WHERE id = ?", params![answers.host], |row| row.get(0))?
        .ok_or_else(|| StoreError::missing("host", &answers.host))?;
    let mut current = current(sql, host)?;
    let mut stored = StoredAnswers::default();
    for (method, answer) in &answers.answers {
        let number = method_number(sql, method)?;
        let before = current.remove(&number);
        let changed = match answer {
            FactAnswer::Facts { .. } => {
                let new = prepared.documents.get(method).ok_or(rusqlite::Error::InvalidQuery)?;
                let document = document(sql, number, new)?;
                newest(sql, (host, number), new, answers.now)?;
                span(sql, (host, number), before, Some(document), answers.now)?
            }
            FactAnswer::Unchanged => {
                sql.run(
                    "UPDATE fact_newest SET at = ?3 WHERE host = ?1 AND method = ?2",
                    params![host, number, answers.now],
                )?;
                false
            }
            FactAnswer::Absent => {
                sql.run(
                    "DELETE FROM fact_newest WHERE host = ? AND method = ?",
                    params![host, number],
                )?;
                span(sql, (host, number), before, None, answers.now)?
            }
            FactAnswer::Failed { retcode, message } => {
                failed(sql, (host, number), *retcode, message, answers.now)?;
                continue;
            }
        };
        sql.run("DELETE FROM fact_failures WHERE host = ? AND method = ?", params![host, number])?;
        if changed {
            stored.changed.push(method.clone());
        }
    }
    for (method, fact) in current {
        end(sql, (host, method), &fact, answers.now)?;
    }
    sql.run(
        "INSERT INTO fact_rounds (host, at) VALUES (?1, ?2) \
         ON CONFLICT (host) DO UPDATE SET at = ?2",
        params![host, answers.now],
    )?;
    stored.labels = labels::from_facts(sql, &answers.host, &answers.labels)?;
    if !stored.changed.is_empty() {
        transaction.effects.new_facts.push(answers.host.clone());
    }
    if stored.labels {
        transaction.effects.relabeled.push(answers.host.clone());
    }
    sweep::keep_within(sql, max_bytes)?;
    Ok(stored)
}

fn current(sql: &Connection, host: i64) -> rusqlite::Result<HashMap<i64, Current>> {
    let rows = sql.all(
        "SELECT method, since, document FROM fact_spans WHERE host = ? AND until IS NULL",
        params![host],
        |row| Ok((row.get(0)?, Current { since: row.get(1)?, document: row.get(2)? })),
    )?;
    Ok(rows.into_iter().collect())
}

fn method_number(sql: &Connection, name: &str) -> rusqlite::Result<i64> {
    let find = || {
        sql.first("SELECT number FROM fact_methods WHERE name = ?", params![name], |row| row.get(0))
    };
    if let Some(number) = find()? {
        return Ok(number);
    }
    sql.run("INSERT INTO fact_methods (name) VALUES (?)", params![name])?;
    find()?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Returns the number of a document, which is stored if it is not there yet.
fn document(
    sql: &Connection,
    method: i64,
    new: &NewDocument,
) -> Result<DocumentNumber, ChangeError> {
    let find = || {
        sql.first(
            "SELECT number FROM fact_documents WHERE method = ? AND digest = ?",
            params![method, new.digest.as_bytes()],
            |row| row.get(0),
        )
    };
    if let Some(number) = find()? {
        return Ok(number);
    }
    // It was there, and is not anymore; or its base is gone.
    let again = || StoreError::Conflict(AGAIN.to_owned());
    let NewBody { base, bytes, kind, added, removed } = new.body.as_ref().ok_or_else(again)?;
    if let Some(base) = base
        && sql
            .first("SELECT 1 FROM fact_bodies WHERE document = ?", params![base], |_| Ok(()))?
            .is_none()
    {
        return Err(again().into());
    }
    let size = i64::try_from(new.size).unwrap_or(i64::MAX);
    sql.run(
        "INSERT INTO fact_documents (method, digest, base, size) VALUES (?, ?, ?, ?)",
        params![method, new.digest.as_bytes(), base, size],
    )?;
    let number = find()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    sql.run("INSERT INTO fact_bodies (document, body) VALUES (?, ?)", params![number, bytes])?;
    if let Some(kind) = kind {
        for (entries, present) in [(added, true), (removed, false)] {
            for (key, value) in entries {
                sql.run(
                    "INSERT OR REPLACE INTO fact_entries (kind, key, value, document, present) \
                     VALUES (?, ?, ?, ?, ?)",
                    params![kind.number(), key, value, number, present],
                )?;
            }
        }
    }
    Ok(number)
}

/// Stores the newest whole answer or its digest, or nothing where it is the document.
fn newest(
    sql: &Connection,
    (host, method): (i64, i64),
    new: &NewDocument,
    now: UnixMillis,
) -> rusqlite::Result<()> {
    match &new.newest {
        Some(Newest::Whole(body, size)) => sql.run(
            "INSERT OR REPLACE INTO fact_newest (host, method, at, size, body) \
             VALUES (?, ?, ?, ?, ?)",
            params![host, method, now, i64::try_from(*size).unwrap_or(i64::MAX), body],
        ),
        Some(Newest::Digest(digest)) => sql.run(
            "INSERT OR REPLACE INTO fact_newest (host, method, at, digest) VALUES (?, ?, ?, ?)",
            params![host, method, now, digest.as_bytes()],
        ),
        None => {
            sql.run("DELETE FROM fact_newest WHERE host = ? AND method = ?", params![host, method])
        }
    }
    .map(|_| ())
}

/// Notes which document a host has; returns whether it is another one than before.
fn span(
    sql: &Connection,
    place: (i64, i64),
    before: Option<Current>,
    document: Option<DocumentNumber>,
    now: UnixMillis,
) -> rusqlite::Result<bool> {
    let mut since = now;
    if let Some(before) = before {
        if before.document == document {
            return Ok(false);
        }
        since = end(sql, place, &before, now)?;
    }
    sql.run(
        "INSERT INTO fact_spans (host, method, since, until, document) VALUES (?, ?, ?, NULL, ?)",
        params![place.0, place.1, since, document],
    )?;
    Ok(true)
}

/// Ends a fact; returns when. A clock that was set back makes it last a millisecond.
fn end(
    sql: &Connection,
    (host, method): (i64, i64),
    fact: &Current,
    now: UnixMillis,
) -> rusqlite::Result<UnixMillis> {
    let until = now.max(fact.since + 1);
    sql.run(
        "UPDATE fact_spans SET until = ?4 WHERE host = ?1 AND method = ?2 AND since = ?3",
        params![host, method, fact.since, until],
    )?;
    Ok(until)
}

fn failed(
    sql: &Connection,
    (host, method): (i64, i64),
    retcode: u16,
    message: &str,
    now: UnixMillis,
) -> rusqlite::Result<()> {
    let message: String = message.chars().take(MAX_MESSAGE).collect();
    sql.run(
        "INSERT INTO fact_failures (host, method, since, retcode, message) \
         VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (host, method) DO UPDATE SET retcode = ?4, message = ?5",
        params![host, method, now, retcode, message],
    )
    .map(|_| ())
}
