//! Deletes facts that are too old, documents that nobody has had for long, and a removed host's.
//!
//! No row counts the uses of a document. Whoever deletes a use of one notes that in
//! `fact_released`; the document is deleted once it is locked and has no use left. Two transactions
//! that delete the last two uses cannot both take the other's for a use that stays: the second one
//! finds the document locked, and its note stays for the next sweep.

use super::bodies;
use crate::store::DocumentNumber;
use crate::store::documents::{self, Texts};
use crate::store::postgres::change::ChangeError;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{params, text};
use fleet::UnixMillis;
use fleet::facts::index::Kind;
use std::collections::BTreeSet;

/// Rows of the log of changes deleted in one transaction…
const MAX_SPANS: i64 = 512;

/// …and documents that are looked at.
const MAX_DOCUMENTS: i64 = 64;

/// What a document occupies beside its body.
const ROWS: usize = 256;

const DELETE_SPANS: &str = "\
    DELETE FROM fact_spans WHERE (host, method, since) IN (SELECT host, method, since \
    FROM fact_spans WHERE until IS NOT NULL AND until < $1 ORDER BY until LIMIT $2 \
    FOR UPDATE SKIP LOCKED) RETURNING document";

const UNUSED: &str = "\
    SELECT d.number, m.name, d.base FROM fact_documents d JOIN fact_methods m \
    ON m.number = d.method WHERE d.number = ANY ($1) \
    AND NOT EXISTS (SELECT 1 FROM fact_spans s WHERE s.document = d.number) \
    AND NOT EXISTS (SELECT 1 FROM fact_documents o WHERE o.base = d.number)";

const DELETE_ENTRIES: &str = "\
    DELETE FROM fact_entries e \
    USING unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[]) \
    AS g (kind, key, value, document) \
    WHERE e.kind = g.kind AND e.key = g.key AND e.value = g.value AND e.document = g.document";

/// Deletes some of what ended before this time; returns whether there may be more.
pub(in crate::store::postgres) async fn some(
    sql: &Sql,
    ended_before: UnixMillis,
) -> Result<bool, DbError> {
    let documents: Vec<Option<DocumentNumber>> =
        sql.all(DELETE_SPANS, params![ended_before, MAX_SPANS], |row| Ok(row.try_get(0)?)).await?;
    let spans = documents.len();
    release(sql, documents.into_iter().flatten().collect()).await?;
    let settled = without_use(sql).await?;
    Ok(i64::try_from(spans).unwrap_or(MAX_SPANS) >= MAX_SPANS || settled)
}

/// Deletes the oldest of the log of changes while the documents exceed their bound.
///
/// # Errors
/// When the documents that hosts have now exceed it alone.
pub(super) async fn keep_within(sql: &Sql, max_bytes: i64) -> Result<(), ChangeError> {
    // Each turn deletes something; the rest is for the next transaction.
    for _ in 0..4 {
        if bytes(sql).await? <= max_bytes {
            return Ok(());
        }
        if !some(sql, UnixMillis::MAX).await? {
            break;
        }
    }
    match bytes(sql).await? <= max_bytes || log_remains(sql).await? {
        true => Ok(()),
        false => Err(documents::no_room(max_bytes).into()),
    }
}

/// Returns what a document occupies.
pub(super) fn cost(body: usize) -> i64 {
    i64::try_from(body + ROWS).unwrap_or(i64::MAX)
}

/// Counts bytes that documents occupy from now on, or do not anymore. Each connection has a share of
/// the count, so that it hardly waits for another one.
pub(super) async fn count(sql: &Sql, bytes: i64) -> Result<(), DbError> {
    let update = "UPDATE fact_totals SET bytes = bytes + $1 WHERE share = (pg_backend_pid() & 15)";
    sql.run(update, params![bytes]).await?;
    Ok(())
}

async fn bytes(sql: &Sql) -> Result<i64, DbError> {
    let read = "SELECT coalesce(sum(bytes), 0)::bigint FROM fact_totals";
    let bytes = sql.first(read, params![], |row| Ok(row.try_get(0)?)).await?;
    Ok(bytes.unwrap_or_default())
}

async fn log_remains(sql: &Sql) -> Result<bool, DbError> {
    let read = "SELECT 1 FROM fact_spans WHERE until IS NOT NULL AND until > $1 LIMIT 1";
    let found = sql.first(read, params![UnixMillis::MIN], |_| Ok(())).await?;
    Ok(found.is_some())
}

/// Returns a kind's number, as its column has it.
pub(super) fn kind(kind: Kind) -> i16 {
    i16::try_from(kind.number()).unwrap_or(i16::MAX)
}

/// Deletes everything about a host whose row is locked.
pub(in crate::store::postgres) async fn host(sql: &Sql, id: &str) -> Result<(), DbError> {
    let find = "SELECT number FROM hosts WHERE id = $1";
    let number: Option<i64> = sql.first(find, params![id], |row| Ok(row.try_get(0)?)).await?;
    let delete = "DELETE FROM fact_spans WHERE host = $1 RETURNING document";
    let documents: Vec<Option<DocumentNumber>> =
        sql.all(delete, params![number], |row| Ok(row.try_get(0)?)).await?;
    release(sql, documents.into_iter().flatten().collect()).await?;
    for delete in [
        "DELETE FROM fact_newest WHERE host = $1",
        "DELETE FROM fact_failures WHERE host = $1",
        "DELETE FROM fact_rounds WHERE host = $1",
    ] {
        sql.run(delete, params![number]).await?;
    }
    // Most of them; the rest goes with the daily sweep.
    without_use(sql).await.map(|_| ())
}

/// Notes documents that have one use less.
async fn release(sql: &Sql, documents: BTreeSet<DocumentNumber>) -> Result<(), DbError> {
    if documents.is_empty() {
        return Ok(());
    }
    let documents: Vec<DocumentNumber> = documents.into_iter().collect();
    let insert = "INSERT INTO fact_released (document) SELECT document \
                  FROM unnest($1::bigint[]) AS r (document)";
    sql.run(insert, params![documents]).await?;
    Ok(())
}

/// Looks at some of the documents that have lost a use, and deletes those that have none left, with
/// their entries; returns whether there may be more.
async fn without_use(sql: &Sql) -> Result<bool, DbError> {
    let released: Vec<(i64, DocumentNumber)> = sql
        .all(
            "SELECT number, document FROM fact_released ORDER BY number LIMIT $1 \
             FOR UPDATE SKIP LOCKED",
            params![MAX_DOCUMENTS],
            |row| Ok((row.try_get(0)?, row.try_get(1)?)),
        )
        .await?;
    if released.is_empty() {
        return Ok(false);
    }
    let asked: Vec<DocumentNumber> = released.iter().map(|(_, document)| *document).collect();
    let locked: Vec<DocumentNumber> = sql
        .all(
            "SELECT number FROM fact_documents WHERE number = ANY ($1) ORDER BY number \
             FOR UPDATE SKIP LOCKED",
            params![asked],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    // A statement after the locks, which sees what they have waited for.
    let unused: Vec<(DocumentNumber, String, Option<DocumentNumber>)> = sql
        .all(UNUSED, params![locked], |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .await?;
    let exist: Vec<DocumentNumber> = sql
        .all("SELECT number FROM fact_documents WHERE number = ANY ($1)", params![asked], |row| {
            Ok(row.try_get(0)?)
        })
        .await?;
    // A document that another transaction keeps is looked at again.
    let is_settled = |document| locked.contains(document) || !exist.contains(document);
    let settled = released.iter().filter(|(_, document)| is_settled(document));
    let settled: Vec<i64> = settled.map(|(note, _)| *note).collect();
    sql.run("DELETE FROM fact_released WHERE number = ANY ($1)", params![settled]).await?;
    if !unused.is_empty() {
        forget_entries(sql, &unused).await?;
        delete(sql, &unused).await?;
    }
    Ok(!settled.is_empty())
}

/// Deletes documents.
async fn delete(
    sql: &Sql,
    unused: &[(DocumentNumber, String, Option<DocumentNumber>)],
) -> Result<(), DbError> {
    let numbers: Vec<DocumentNumber> = unused.iter().map(|(number, _, _)| *number).collect();
    let delete = "DELETE FROM fact_bodies WHERE document = ANY ($1) RETURNING octet_length(body)";
    let freed: Vec<i64> = sql
        .all(delete, params![numbers], |row| {
            let bytes: i32 = row.try_get(0)?;
            Ok(cost(usize::try_from(bytes).unwrap_or_default()))
        })
        .await?;
    sql.run("DELETE FROM fact_documents WHERE number = ANY ($1)", params![numbers]).await?;
    release(sql, unused.iter().filter_map(|(_, _, base)| *base).collect()).await?;
    count(sql, -freed.iter().sum::<i64>()).await
}

/// Deletes documents' entries, which are made again from their texts: an index of entries by document
/// would be larger than the entries.
async fn forget_entries(
    sql: &Sql,
    unused: &[(DocumentNumber, String, Option<DocumentNumber>)],
) -> Result<(), DbError> {
    let of_kind = |(number, method, base): &(DocumentNumber, String, Option<DocumentNumber>)| {
        Kind::of(method).map(|kind| (kind, *number, *base))
    };
    let found: Vec<_> = unused.iter().filter_map(of_kind).collect();
    if found.is_empty() {
        return Ok(());
    }
    let numbers: Vec<DocumentNumber> = found.iter().map(|(_, number, _)| *number).collect();
    let stored = bodies::read(sql, &numbers).await?;
    let gone = bodies::apart(move || {
        let mut texts = Texts::default();
        let (mut kinds, mut keys, mut values, mut of) = (vec![], vec![], vec![], vec![]);
        for (kind, document, base) in found {
            let mut entries = BTreeSet::new();
            for number in [Some(document), base].into_iter().flatten() {
                if let Some(text) = texts.of(&stored, number)? {
                    entries.append(&mut documents::of_text(kind, &text));
                }
            }
            for (key, value) in entries {
                kinds.push(self::kind(kind));
                keys.push(text::without_nul(&key).into_owned());
                values.push(text::without_nul(&value).into_owned());
                of.push(document);
            }
        }
        Ok((kinds, keys, values, of))
    });
    let (kinds, keys, values, of) = gone.await?;
    sql.run(DELETE_ENTRIES, params![kinds, keys, values, of]).await?;
    Ok(())
}
