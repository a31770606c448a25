//! One host's facts.

use super::bodies;
use crate::store::documents::Texts;
use crate::store::postgres::column::{digest, number};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{limit, params};
use crate::store::{DocumentRow, FactFailure, FactRow, FactText, KnownFacts};
use fleet::UnixMillis;
use fleet::facts::{SCHEMA_ARGS, volatile};
use tokio_postgres::Row;

/// Columns of [`row`].
const COLUMNS: &str = "m.name, s.since, s.until, d.number, d.digest, d.size, f.since, f.retcode, \
                       f.message";

/// Their tables; a failure is of now.
const TABLES: &str = "fact_spans s JOIN fact_methods m ON m.number = s.method \
                      LEFT JOIN fact_documents d ON d.number = s.document \
                      LEFT JOIN fact_failures f ON f.host = s.host AND f.method = s.method \
                      AND s.until IS NULL";

/// Providers that have failed since the first time that they were asked.
const FAILING: &str = "SELECT m.name, f.since, f.retcode, f.message \
                       FROM fact_failures f JOIN fact_methods m ON m.number = f.method \
                       WHERE f.host = $1 AND NOT EXISTS (SELECT 1 FROM fact_spans s \
                       WHERE s.host = f.host AND s.method = f.method AND s.until IS NULL)";

/// Returns the host's number.
async fn host_number(sql: &Sql, host: &str) -> Result<Option<i64>, DbError> {
    let find = "SELECT number FROM hosts WHERE id = $1";
    sql.first(find, params![host], |row| Ok(row.try_get(0)?)).await
}

/// Returns what a host need not send again.
pub(super) async fn known(sql: &Sql, host: &str) -> Result<KnownFacts, DbError> {
    let Some(host) = host_number(sql, host).await? else { return Ok(KnownFacts::default()) };
    let asked = "SELECT at FROM fact_rounds WHERE host = $1";
    let asked = sql.first(asked, params![host], |row| Ok(row.try_get(0)?)).await?;
    let rows = sql
        .all(
            "SELECT m.name, coalesce(n.digest, d.digest) FROM fact_spans s \
         JOIN fact_methods m ON m.number = s.method \
         JOIN fact_documents d ON d.number = s.document \
         LEFT JOIN fact_newest n ON n.host = s.host AND n.method = s.method \
         WHERE s.host = $1 AND s.until IS NULL",
            params![host],
            |row| Ok((row.try_get::<_, String>(0)?, digest(row, 1)?)),
        )
        .await?;
    let rows = rows.into_iter().filter(|(name, _)| volatile::may_repeat(name));
    Ok(KnownFacts { asked, digests: rows.collect() })
}

/// Returns all facts of a host, now or at a time.
pub(super) async fn all(
    sql: &Sql,
    host: &str,
    at: Option<UnixMillis>,
) -> Result<Vec<FactRow>, DbError> {
    let Some(host) = host_number(sql, host).await? else { return Ok(Vec::new()) };
    let mut rows = match at {
        None => {
            let text =
                format!("SELECT {COLUMNS} FROM {TABLES} WHERE s.host = $1 AND s.until IS NULL");
            let mut rows = sql.all(&text, params![host], row).await?;
            rows.extend(sql.all(FAILING, params![host], failing).await?);
            rows
        }
        // The log of one host's changes is short.
        Some(at) => {
            let text = format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE s.host = $1 AND s.since <= $2 \
                 AND (s.until IS NULL OR s.until > $2)"
            );
            sql.all(&text, params![host, at], row).await?
        }
    };
    rows.sort_by(|a, b| a.method.cmp(&b.method));
    rows.dedup_by(|a, b| a.method == b.method);
    Ok(rows)
}

/// Returns one fact of a host with its text.
pub(super) async fn one(
    sql: &Sql,
    host: &str,
    method: &str,
    at: Option<UnixMillis>,
) -> Result<Option<(FactRow, Option<FactText>)>, DbError> {
    let Some(host) = host_number(sql, host).await? else { return Ok(None) };
    // One statement, since the newest answer is compressed against the document.
    let (of, until) = match at {
        None => ("s.until IS NULL", "s.until IS NULL AND s.since <= $3"),
        Some(_) => ("false", "s.since <= $3 AND (s.until IS NULL OR s.until > $3)"),
    };
    let text = format!(
        "SELECT {COLUMNS}, n.at, n.size, n.body FROM {TABLES} LEFT JOIN fact_newest n \
         ON n.host = s.host AND n.method = s.method AND n.body IS NOT NULL AND {of} \
         WHERE s.host = $1 AND m.name = $2 AND {until} ORDER BY s.since DESC LIMIT 1"
    );
    let found = sql
        .first(&text, params![host, method, at.unwrap_or(UnixMillis::MAX)], |found| {
            let newest = match found.try_get::<_, Option<UnixMillis>>(9)? {
                None => None,
                Some(at) => Some((at, size(found, 10)?, found.try_get::<_, Vec<u8>>(11)?)),
            };
            Ok((row(found)?, newest))
        })
        .await?;
    let Some((fact, newest)) = found else {
        if at.is_some() {
            return Ok(None);
        }
        let text = format!("{FAILING} AND m.name = $2");
        let found = sql.first(&text, params![host, method], failing).await?;
        return Ok(found.map(|fact| (fact, None)));
    };
    let Some(DocumentRow { number, .. }) = fact.document else { return Ok(Some((fact, None))) };
    let stored = bodies::read(sql, &[number]).await?;
    let text = bodies::apart(move || {
        let mut texts = Texts::default();
        Ok(match newest {
            Some((at, size, body)) => {
                let text = texts.of_answer(&stored, number, &body, size)?;
                Some(FactText { text, whole_at: Some(at) })
            }
            None => texts
                .of(&stored, number)?
                .map(|text| FactText { text: text.as_ref().to_owned(), whole_at: None }),
        })
    });
    Ok(Some((fact, text.await?)))
}

/// Returns a page of the log of changes, newest first.
pub(super) async fn changes(
    sql: &Sql,
    host: &str,
    method: &str,
    before: UnixMillis,
    most: usize,
) -> Result<Vec<FactRow>, DbError> {
    let Some(host) = host_number(sql, host).await? else { return Ok(Vec::new()) };
    let text = format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE s.host = $1 \
         AND s.method = (SELECT number FROM fact_methods WHERE name = $2) \
         AND s.since < $3 ORDER BY s.since DESC LIMIT $4"
    );
    sql.all(&text, params![host, method, before, limit(most)], row).await
}

/// Returns a page of the log of changes of all facts, newest first: those after the change of
/// `method` at `since`. The log of one host is short.
pub(super) async fn host_changes(
    sql: &Sql,
    host: &str,
    since: UnixMillis,
    method: &str,
    most: usize,
) -> Result<Vec<FactRow>, DbError> {
    let Some(host) = host_number(sql, host).await? else { return Ok(Vec::new()) };
    let text = format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE s.host = $1 AND (s.since, m.name) < ($2, $3) \
         AND m.name NOT LIKE '% ' || $4::text ORDER BY s.since DESC, m.name DESC LIMIT $5"
    );
    sql.all(&text, params![host, since, method, SCHEMA_ARGS, limit(most)], row).await
}

fn size(row: &Row, column: usize) -> Result<usize, DbError> {
    Ok(usize::try_from(row.try_get::<_, i64>(column)?).unwrap_or_default())
}

fn row(row: &Row) -> Result<FactRow, DbError> {
    let document = match row.try_get(3)? {
        None => None,
        Some(number) => Some(DocumentRow { number, digest: digest(row, 4)?, size: size(row, 5)? }),
    };
    let failure = match row.try_get(6)? {
        None => None,
        Some(since) => {
            Some(FactFailure { since, retcode: number(row, 7)?, message: row.try_get(8)? })
        }
    };
    Ok(FactRow {
        method: row.try_get(0)?,
        since: row.try_get(1)?,
        until: row.try_get(2)?,
        document,
        failure,
    })
}

/// Reads the columns of [`FAILING`].
fn failing(row: &Row) -> Result<FactRow, DbError> {
    let since = row.try_get(1)?;
    let failure = FactFailure { since, retcode: number(row, 2)?, message: row.try_get(3)? };
    let method = row.try_get(0)?;
    Ok(FactRow { method, since, until: None, document: None, failure: Some(failure) })
}
