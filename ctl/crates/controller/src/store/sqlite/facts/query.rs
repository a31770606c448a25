//! One host's facts.

use super::super::sql::Sql as _;
use crate::store::documents::Texts;
use crate::store::{DocumentRow, FactFailure, FactRow, FactText, KnownFacts};
use fleet::facts::{SCHEMA_ARGS, volatile};
use fleet::{Digest, UnixMillis};
use rusqlite::{Connection, Row, params};

/// Columns of [`row`]; a failure is of now.
const COLUMNS: &str = "m.name, s.since, s.until, d.number, d.digest, d.size, f.since, f.retcode, \
                       f.message FROM fact_spans s CROSS JOIN fact_methods m ON m.number = s.method \
                       LEFT JOIN fact_documents d ON d.number = s.document \
                       LEFT JOIN fact_failures f ON f.host = s.host AND f.method = s.method \
                       AND s.until IS NULL";

/// Returns the host's number.
fn number(sql: &Connection, host: &str) -> rusqlite::Result<Option<i64>> {
    sql.first("SELECT number FROM hosts WHERE id = ?", params![host], |row| row.get(0))
}

/// Returns what a host need not send again.
pub(super) fn known(sql: &Connection, host: &str) -> rusqlite::Result<KnownFacts> {
    let Some(host) = number(sql, host)? else { return Ok(KnownFacts::default()) };
    let asked =
        sql.first("SELECT at FROM fact_rounds WHERE host = ?", params![host], |row| row.get(0))?;
    let rows = sql.all(
        "SELECT m.name, coalesce(n.digest, d.digest) FROM fact_spans s \
         CROSS JOIN fact_methods m ON m.number = s.method \
         JOIN fact_documents d ON d.number = s.document \
         LEFT JOIN fact_newest n ON n.host = s.host AND n.method = s.method \
         WHERE s.host = ? AND s.until IS NULL",
        params![host],
        |row| Ok((row.get::<_, String>(0)?, digest(row, 1)?)),
    )?;
    let digests = rows.into_iter().filter(|(name, _)| volatile::may_repeat(name)).collect();
    Ok(KnownFacts { asked, digests })
}

/// Returns all facts of a host, now or at a time.
pub(super) fn all(
    sql: &Connection,
    host: &str,
    at: Option<UnixMillis>,
) -> rusqlite::Result<Vec<FactRow>> {
    let Some(host) = number(sql, host)? else { return Ok(Vec::new()) };
    let mut rows = match at {
        None => sql.all(
            &format!("SELECT {COLUMNS} WHERE s.host = ? AND s.until IS NULL"),
            params![host],
            row,
        ),
        // The log of one host's changes is short.
        Some(at) => sql.all(
            &format!(
                "SELECT {COLUMNS} WHERE s.host = ?1 AND s.since <= ?2 \
                 AND (s.until IS NULL OR s.until > ?2)"
            ),
            params![host, at],
            row,
        ),
    }?;
    if at.is_none() {
        rows.extend(failing(sql, host)?);
    }
    rows.sort_by(|a, b| a.method.cmp(&b.method));
    rows.dedup_by(|a, b| a.method == b.method);
    Ok(rows)
}

/// Returns the providers of a host that have failed since the first time that they were asked.
fn failing(sql: &Connection, host: i64) -> rusqlite::Result<Vec<FactRow>> {
    sql.all(
        "SELECT m.name, f.since, NULL, NULL, NULL, NULL, f.since, f.retcode, f.message \
         FROM fact_failures f CROSS JOIN fact_methods m ON m.number = f.method WHERE f.host = ?1 \
         AND NOT EXISTS (SELECT 1 FROM fact_spans s WHERE s.host = ?1 AND s.method = f.method \
         AND s.until IS NULL)",
        params![host],
        row,
    )
}

/// Returns one fact of a host with its text.
pub(super) fn one(
    sql: &Connection,
    host: &str,
    method: &str,
    at: Option<UnixMillis>,
) -> rusqlite::Result<Option<(FactRow, Option<FactText>)>> {
    let Some(number) = number(sql, host)? else { return Ok(None) };
    let mut rows = all(sql, host, at)?;
    let Some(place) = rows.iter().position(|row| row.method == method) else { return Ok(None) };
    let fact = rows.swap_remove(place);
    let Some(document) = fact.document else { return Ok(Some((fact, None))) };
    let method: Option<i64> =
        sql.first("SELECT number FROM fact_methods WHERE name = ?", params![method], |row| {
            row.get(0)
        })?;
    let newest = match (at, method) {
        (None, Some(method)) => newest(sql, number, method, document.number)?,
        _ => None,
    };
    let text = match newest {
        Some(newest) => Some(newest),
        None => Texts::default()
            .of(sql, document.number)?
            .map(|text| FactText { text: text.as_ref().to_owned(), whole_at: None }),
    };
    Ok(Some((fact, text)))
}

/// Returns the newest whole answer, where it is kept.
fn newest(
    sql: &Connection,
    host: i64,
    method: i64,
    document: i64,
) -> rusqlite::Result<Option<FactText>> {
    let found = sql.first(
        "SELECT at, size, body FROM fact_newest \
         WHERE host = ? AND method = ? AND body IS NOT NULL",
        params![host, method],
        |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)),
    )?;
    let Some((at, size, body)) = found else { return Ok(None) };
    let size = usize::try_from(size).unwrap_or_default();
    let text = Texts::default().of_answer(sql, document, &body, size)?;
    Ok(Some(FactText { text, whole_at: Some(at) }))
}

/// Returns a page of the log of changes, newest first.
pub(super) fn changes(
    sql: &Connection,
    host: &str,
    method: &str,
    before: UnixMillis,
    limit: usize,
) -> rusqlite::Result<Vec<FactRow>> {
    let Some(host) = number(sql, host)? else { return Ok(Vec::new()) };
    sql.all(
        &format!(
            "SELECT {COLUMNS} WHERE s.host = ?1 \
             AND s.method = (SELECT number FROM fact_methods WHERE name = ?2) \
             AND s.since < ?3 ORDER BY s.since DESC LIMIT ?4"
        ),
        params![host, method, before, super::super::limit(limit)],
        row,
    )
}

/// Returns a page of the log of changes of all facts, newest first. The log of one host is short.
pub(super) fn host_changes(
    sql: &Connection,
    host: &str,
    after: Option<(UnixMillis, String)>,
    limit: usize,
) -> rusqlite::Result<Vec<FactRow>> {
    let Some(host) = number(sql, host)? else { return Ok(Vec::new()) };
    let (since, method) = after.unwrap_or((UnixMillis::MAX, String::new()));
    sql.all(
        &format!(
            "SELECT {COLUMNS} WHERE s.host = ?1 AND (s.since, m.name) < (?2, ?3) \
             AND m.name NOT LIKE '% ' || ?4 ORDER BY s.since DESC, m.name DESC LIMIT ?5"
        ),
        params![host, since, method, SCHEMA_ARGS, super::super::limit(limit)],
        row,
    )
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

fn row(row: &Row<'_>) -> rusqlite::Result<FactRow> {
    let number: Option<i64> = row.get(3)?;
    let document = match number {
        None => None,
        Some(number) => Some(DocumentRow {
            number,
            digest: digest(row, 4)?,
            size: usize::try_from(row.get::<_, i64>(5)?).unwrap_or_default(),
        }),
    };
    let failure = match row.get::<_, Option<UnixMillis>>(6)? {
        None => None,
        Some(since) => Some(FactFailure { since, retcode: row.get(7)?, message: row.get(8)? }),
    };
    Ok(FactRow { method: row.get(0)?, since: row.get(1)?, until: row.get(2)?, document, failure })
}
