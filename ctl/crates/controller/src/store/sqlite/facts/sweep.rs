//! Deletes facts that are too old, documents that nobody has had for long, and a removed host's.

use super::super::change::ChangeError;
use super::super::sql::Sql as _;
use crate::store::DocumentNumber;
use crate::store::documents::{self, Texts};
use fleet::UnixMillis;
use fleet::facts::index::Kind;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// Rows of the log of changes deleted in one transaction…
const MAX_SPANS: i64 = 512;

/// …and documents.
const MAX_DOCUMENTS: i64 = 64;

/// Deletes some of what ended before this time; returns whether there may be more.
pub(in crate::store::sqlite) fn some(
    sql: &Connection,
    ended_before: UnixMillis,
) -> rusqlite::Result<bool> {
    let spans = sql.run(
        "DELETE FROM fact_spans WHERE (host, method, since) IN (SELECT host, method, since \
         FROM fact_spans WHERE until IS NOT NULL AND until < ? ORDER BY until LIMIT ?)",
        params![ended_before, MAX_SPANS],
    )?;
    let documents = without_use(sql)?;
    Ok(i64::try_from(spans).unwrap_or(MAX_SPANS) >= MAX_SPANS || documents >= MAX_DOCUMENTS)
}

/// Deletes the oldest of the log of changes while the documents exceed their bound.
///
/// # Errors
/// When the documents that hosts have now exceed it alone.
pub(super) fn keep_within(sql: &Connection, max_bytes: i64) -> Result<(), ChangeError> {
    // Each turn deletes something; the rest is for the next transaction.
    for _ in 0..4 {
        if bytes(sql)? <= max_bytes {
            return Ok(());
        }
        let more = some(sql, UnixMillis::MAX)?;
        if !more {
            break;
        }
    }
    match bytes(sql)? <= max_bytes || log_remains(sql)? {
        true => Ok(()),
        false => Err(documents::no_room(max_bytes).into()),
    }
}

fn bytes(sql: &Connection) -> rusqlite::Result<i64> {
    let bytes = sql.first("SELECT bytes FROM fact_totals", [], |row| row.get(0))?;
    Ok(bytes.unwrap_or_default())
}

fn log_remains(sql: &Connection) -> rusqlite::Result<bool> {
    let found = sql.first(
        "SELECT 1 FROM fact_spans WHERE until IS NOT NULL AND until > ? LIMIT 1",
        params![UnixMillis::MIN],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Deletes everything about a host, by its number.
pub(in crate::store::sqlite) fn host(sql: &Connection, id: &str) -> rusqlite::Result<()> {
    let number: Option<i64> =
        sql.first("SELECT number FROM hosts WHERE id = ?", params![id], |row| row.get(0))?;
    for table in [
        "DELETE FROM fact_spans WHERE host = ?",
        "DELETE FROM fact_newest WHERE host = ?",
        "DELETE FROM fact_failures WHERE host = ?",
        "DELETE FROM fact_rounds WHERE host = ?",
    ] {
        sql.run(table, params![number])?;
    }
    // Most of them; the rest goes with the daily sweep.
    without_use(sql).map(|_| ())
}

/// Deletes some documents that no host has and had, with their entries; returns their number.
fn without_use(sql: &Connection) -> rusqlite::Result<i64> {
    let unused: Vec<(DocumentNumber, String, Option<DocumentNumber>)> = sql.all(
        "SELECT d.number, m.name, d.base FROM fact_documents d CROSS JOIN fact_methods m \
         ON m.number = d.method WHERE d.uses = 0 ORDER BY d.number LIMIT ?",
        params![MAX_DOCUMENTS],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut texts = Texts::default();
    for (number, method, base) in &unused {
        if let Some(kind) = Kind::of(method) {
            forget_entries(sql, &mut texts, kind, *number, *base)?;
        }
        sql.run("DELETE FROM fact_documents WHERE number = ?", params![number])?;
    }
    Ok(i64::try_from(unused.len()).unwrap_or(MAX_DOCUMENTS))
}

/// Deletes a document's entries, which are made again from its text: an index of entries by document
/// would be larger than the entries.
fn forget_entries(
    sql: &Connection,
    texts: &mut Texts,
    kind: Kind,
    document: DocumentNumber,
    base: Option<DocumentNumber>,
) -> rusqlite::Result<()> {
    let mut entries = BTreeSet::new();
    for number in [Some(document), base].into_iter().flatten() {
        if let Some(text) = texts.of(sql, number)? {
            entries.append(&mut documents::of_text(kind, &text));
        }
    }
    for (key, value) in entries {
        sql.run(
            "DELETE FROM fact_entries WHERE kind = ? AND key = ? AND value = ? AND document = ?",
            params![kind.number(), key, value, document],
        )?;
    }
    Ok(())
}
