//! Prepares facts before their transaction begins, so that it only inserts.

use super::bodies::{self, Found};
use crate::store::documents::{BaseSearch, CANDIDATES, NewDocument, Prepared, Texts};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::{DocumentNumber, FactAnswer, HostAnswers};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Returns the methods whose documents are stored already.
const STORED: &str = "\
    SELECT a.name FROM unnest($1::text[], $2::bytea[]) AS a (name, digest) \
    JOIN fact_methods m ON m.name = a.name \
    JOIN fact_documents d ON d.method = m.number AND d.digest = a.digest";

/// Returns the whole documents behind those that the host has now.
const OWN: &str = "\
    SELECT m.name, coalesce(d.base, d.number) FROM hosts h JOIN fact_spans s ON s.host = h.number \
    JOIN fact_methods m ON m.number = s.method JOIN fact_documents d ON d.number = s.document \
    WHERE h.id = $1 AND m.name = ANY ($2) AND s.until IS NULL";

/// Returns the newest whole documents of methods.
const NEWEST: &str = "\
    SELECT a.name, n.number FROM unnest($1::text[]) AS a (name) \
    JOIN fact_methods m ON m.name = a.name CROSS JOIN LATERAL ( \
        SELECT number FROM fact_documents WHERE method = m.number AND base IS NULL \
        ORDER BY number DESC LIMIT $2 \
    ) AS n ORDER BY a.name, n.number DESC";

/// What the database knows of new documents.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By method, the whole documents that a new one may resemble; a method whose document is stored
    /// already has no entry.
    candidates: BTreeMap<String, Vec<DocumentNumber>>,
    bodies: Found,
}

/// Makes the digests of documents, and what is kept of whole answers.
pub(super) async fn digested(answers: &Arc<HostAnswers>) -> Result<Prepared, DbError> {
    let answers = Arc::clone(answers);
    bodies::apart(move || {
        let mut prepared = Prepared::default();
        for (method, answer) in &answers.answers {
            let FactAnswer::Facts { document, whole } = answer else { continue };
            let new = NewDocument::of(method, document, whole.as_deref())?;
            prepared.documents.insert(method.clone(), new);
        }
        Ok(prepared)
    })
    .await
}

/// Reads what the database knows of a host's new documents.
pub(super) async fn read(sql: &Sql, host: &str, prepared: &Prepared) -> Result<Known, DbError> {
    let mut known = Known::default();
    let methods: Vec<&str> = prepared.documents.keys().map(String::as_str).collect();
    if methods.is_empty() {
        return Ok(known);
    }
    let digests = prepared.documents.values();
    let digests: Vec<&[u8]> = digests.map(|document| &document.digest.as_bytes()[..]).collect();
    let stored: Vec<String> =
        sql.all(STORED, params![methods, digests], |row| Ok(row.try_get(0)?)).await?;
    let stored: HashSet<String> = stored.into_iter().collect();
    let new: Vec<&str> = methods.into_iter().filter(|method| !stored.contains(*method)).collect();
    if new.is_empty() {
        return Ok(known);
    }
    let mut found: Vec<(String, DocumentNumber)> =
        sql.all(OWN, params![host, new], |row| Ok((row.try_get(0)?, row.try_get(1)?))).await?;
    let newest = sql
        .all(NEWEST, params![new, CANDIDATES], |row| {
            Ok((row.try_get::<_, String>(0)?, row.try_get(1)?))
        })
        .await?;
    found.extend(newest);
    known.candidates = new.into_iter().map(|method| (method.to_owned(), Vec::new())).collect();
    let mut numbers = Vec::new();
    for (method, number) in found {
        if let Some(candidates) = known.candidates.get_mut(&method)
            && !candidates.contains(&number)
        {
            candidates.push(number);
            numbers.push(number);
        }
    }
    known.bodies = bodies::read(sql, &numbers).await?;
    Ok(known)
}

/// Makes the bodies of the documents that are not stored yet.
pub(super) async fn prepared(
    answers: &Arc<HostAnswers>,
    mut prepared: Prepared,
    known: Known,
) -> Result<Prepared, DbError> {
    if known.candidates.is_empty() {
        return Ok(prepared);
    }
    let answers = Arc::clone(answers);
    bodies::apart(move || {
        let mut texts = Texts::default();
        for (method, new) in &mut prepared.documents {
            let (Some(candidates), Some(FactAnswer::Facts { document, .. })) =
                (known.candidates.get(method), answers.answers.get(method))
            else {
                continue;
            };
            let mut search = BaseSearch::of(document);
            for base in candidates {
                let Some(text) = texts.of(&known.bodies, *base)? else { continue };
                if search.is_good(*base, text)? {
                    break;
                }
            }
            new.body = Some(search.body(method)?);
        }
        Ok(prepared)
    })
    .await
}
