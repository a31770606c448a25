//! Prepares facts on a connection that reads, so that the writer only inserts.

use super::super::sql::Sql as _;
use crate::store::documents::{BaseSearch, CANDIDATES, NewBody, NewDocument, Prepared, Texts};
use crate::store::{DocumentNumber, FactAnswer, HostAnswers};
use fleet::Digest;
use rusqlite::{Connection, params};

/// Prepares every answer.
pub(super) fn prepare(sql: &Connection, answers: &HostAnswers) -> rusqlite::Result<Prepared> {
    let (mut texts, mut prepared) = (Texts::default(), Prepared::default());
    for (method, answer) in &answers.answers {
        let FactAnswer::Facts { document, whole } = answer else { continue };
        let mut new = NewDocument::of(method, document, whole.as_deref())?;
        let number =
            sql.first("SELECT number FROM fact_methods WHERE name = ?", params![method], |row| {
                row.get::<_, i64>(0)
            })?;
        let known = match number {
            Some(number) => is_stored(sql, number, &new.digest)?,
            None => false,
        };
        if !known {
            let method = (method.as_str(), number);
            new.body = Some(new_body(sql, &mut texts, &answers.host, method, document)?);
        }
        prepared.documents.insert(method.clone(), new);
    }
    Ok(prepared)
}

fn is_stored(sql: &Connection, method: i64, digest: &Digest) -> rusqlite::Result<bool> {
    let found = sql.first(
        "SELECT 1 FROM fact_documents WHERE method = ? AND digest = ?",
        params![method, digest.as_bytes()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Makes the body of a document that is not stored yet.
fn new_body(
    sql: &Connection,
    texts: &mut Texts,
    host: &str,
    (method, number): (&str, Option<i64>),
    document: &str,
) -> rusqlite::Result<NewBody> {
    let mut search = BaseSearch::of(document);
    if let Some(number) = number {
        for base in candidates(sql, host, number)? {
            let Some(text) = texts.of(sql, base)? else { continue };
            if search.is_good(base, text)? {
                break;
            }
        }
    }
    Ok(search.body(method)?)
}

/// Returns the whole documents that a new one of this host may resemble.
fn candidates(sql: &Connection, host: &str, method: i64) -> rusqlite::Result<Vec<DocumentNumber>> {
    let mut candidates: Vec<DocumentNumber> = sql.all(
        "SELECT coalesce(d.base, d.number) FROM hosts h JOIN fact_spans s ON s.host = h.number \
         JOIN fact_documents d ON d.number = s.document \
         WHERE h.id = ? AND s.method = ? AND s.until IS NULL",
        params![host, method],
        |row| row.get(0),
    )?;
    let newest: Vec<DocumentNumber> = sql.all(
        "SELECT number FROM fact_documents WHERE method = ? AND base IS NULL \
         ORDER BY number DESC LIMIT ?",
        params![method, CANDIDATES],
        |row| row.get(0),
    )?;
    candidates.extend(newest);
    candidates.dedup();
    Ok(candidates)
}
