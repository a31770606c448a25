//! Stores the documents of a host's answers within their transaction.
//!
//! A document that a span or another document is about to name is locked until the commit, so that
//! no sweep deletes it meanwhile.

use super::sweep;
use crate::store::documents::{AGAIN, NewBody, NewDocument};
use crate::store::postgres::change::ChangeError;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{params, text};
use crate::store::{DocumentNumber, StoreError};
use std::collections::{BTreeMap, HashMap, HashSet};

/// New documents by the numbers of their methods.
pub(super) type New<'a> = BTreeMap<i32, &'a NewDocument>;

/// The numbers of documents by those of their methods.
pub(super) type Numbers = HashMap<i32, DocumentNumber>;

const FIND: &str = "\
    SELECT d.method, d.number FROM unnest($1::integer[], $2::bytea[]) AS a (method, digest) \
    JOIN fact_documents d ON d.method = a.method AND d.digest = a.digest";

/// In the order of methods: of two hosts with the same new documents, one waits for the other.
const INSERT: &str = "\
    INSERT INTO fact_documents (method, digest, base, size) SELECT method, digest, base, size \
    FROM unnest($1::integer[], $2::bytea[], $3::bigint[], $4::bigint[]) \
    AS n (method, digest, base, size) ORDER BY method \
    ON CONFLICT (method, digest) DO NOTHING RETURNING method, number";

const INSERT_BODIES: &str = "\
    INSERT INTO fact_bodies (document, body) SELECT document, body \
    FROM unnest($1::bigint[], $2::bytea[]) AS n (document, body)";

const INSERT_ENTRIES: &str = "\
    INSERT INTO fact_entries (kind, key, value, document, present) \
    SELECT kind, key, value, document, present \
    FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[], $5::boolean[]) \
    AS n (kind, key, value, document, present) ORDER BY kind, key, value \
    ON CONFLICT (kind, key, value, document) DO NOTHING";

/// Returns the numbers of documents, which are stored if they are not there yet. `current` are those
/// that the host has now.
pub(super) async fn store(
    sql: &Sql,
    new: &New<'_>,
    current: &HashSet<DocumentNumber>,
) -> Result<Numbers, ChangeError> {
    let mut numbers = find(sql, new).await?;
    let mut missing: Vec<(i32, &NewDocument, &NewBody)> = Vec::new();
    for (method, document) in new.iter().filter(|(method, _)| !numbers.contains_key(*method)) {
        // It was there, and is not anymore.
        let body = document.body.as_ref().ok_or_else(again)?;
        missing.push((*method, document, body));
    }
    let bases = missing.iter().filter_map(|(_, _, body)| body.base);
    let used: HashSet<DocumentNumber> = numbers.values().copied().chain(bases).collect();
    keep(sql, used.difference(current)).await?;
    if missing.is_empty() {
        return Ok(numbers);
    }
    let inserted = insert(sql, &missing).await?;
    let is_inserted = |method: &i32| inserted.contains_key(method);
    let others: New<'_> = missing
        .iter()
        .filter(|(method, _, _)| !is_inserted(method))
        .map(|(method, document, _)| (*method, *document))
        .collect();
    if !others.is_empty() {
        // Another host had the same ones, and was first.
        let found = find(sql, &others).await?;
        if found.len() < others.len() {
            return Err(again().into());
        }
        keep(sql, found.values()).await?;
        numbers.extend(found);
    }
    missing.retain(|(method, _, _)| is_inserted(method));
    let bodies = missing.iter().map(|(method, _, body)| (inserted[method], *body));
    insert_bodies(sql, &bodies.collect::<Vec<_>>()).await?;
    numbers.extend(inserted);
    Ok(numbers)
}

fn again() -> StoreError {
    StoreError::Conflict(AGAIN.to_owned())
}

async fn find(sql: &Sql, documents: &New<'_>) -> Result<Numbers, DbError> {
    if documents.is_empty() {
        return Ok(Numbers::new());
    }
    let methods: Vec<i32> = documents.keys().copied().collect();
    let digests = documents.values();
    let digests: Vec<&[u8]> = digests.map(|document| &document.digest.as_bytes()[..]).collect();
    let found = sql
        .all(FIND, params![methods, digests], |row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .await?;
    Ok(found.into_iter().collect())
}

/// Keeps documents from being deleted until the transaction ends.
async fn keep(
    sql: &Sql,
    documents: impl Iterator<Item = &DocumentNumber>,
) -> Result<(), ChangeError> {
    let documents: Vec<DocumentNumber> = documents.copied().collect();
    if documents.is_empty() {
        return Ok(());
    }
    let kept = sql
        .all(
            "SELECT number FROM fact_documents WHERE number = ANY ($1) ORDER BY number \
             FOR KEY SHARE",
            params![documents],
            |_| Ok(()),
        )
        .await?;
    match kept.len() == documents.len() {
        true => Ok(()),
        false => Err(again().into()),
    }
}

async fn insert(
    sql: &Sql,
    documents: &[(i32, &NewDocument, &NewBody)],
) -> Result<Numbers, DbError> {
    let (mut methods, mut digests, mut bases, mut sizes) = (vec![], vec![], vec![], vec![]);
    for (method, document, body) in documents {
        methods.push(*method);
        digests.push(&document.digest.as_bytes()[..]);
        bases.push(body.base);
        sizes.push(i64::try_from(document.size).unwrap_or(i64::MAX));
    }
    let inserted = sql
        .all(INSERT, params![methods, digests, bases, sizes], |row| {
            Ok((row.try_get(0)?, row.try_get(1)?))
        })
        .await?;
    Ok(inserted.into_iter().collect())
}

/// Stores the bodies of documents that were inserted, and what they are found by.
async fn insert_bodies(sql: &Sql, documents: &[(DocumentNumber, &NewBody)]) -> Result<(), DbError> {
    if documents.is_empty() {
        return Ok(());
    }
    let numbers: Vec<DocumentNumber> = documents.iter().map(|(number, _)| *number).collect();
    let bodies: Vec<&[u8]> = documents.iter().map(|(_, body)| &body.bytes[..]).collect();
    sql.run(INSERT_BODIES, params![numbers, bodies]).await?;
    sweep::count(sql, bodies.iter().map(|body| sweep::cost(body.len())).sum()).await?;
    let mut entries = Entries::default();
    for (number, body) in documents {
        let Some(kind) = body.kind else { continue };
        for (list, present) in [(&body.added, true), (&body.removed, false)] {
            for (key, value) in list {
                entries.kinds.push(sweep::kind(kind));
                entries.keys.push(text::without_nul(key));
                entries.values.push(text::without_nul(value));
                entries.documents.push(*number);
                entries.present.push(present);
            }
        }
    }
    if !entries.kinds.is_empty() {
        let Entries { kinds, keys, values, documents, present } = entries;
        sql.run(INSERT_ENTRIES, params![kinds, keys, values, documents, present]).await?;
    }
    Ok(())
}

/// The columns of entries.
#[derive(Default)]
struct Entries<'a> {
    kinds: Vec<i16>,
    keys: Vec<std::borrow::Cow<'a, str>>,
    values: Vec<std::borrow::Cow<'a, str>>,
    documents: Vec<DocumentNumber>,
    present: Vec<bool>,
}
