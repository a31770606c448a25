//! What takes time before facts are written: digests, the search for a base, compression and the
//! entries of the index. It runs on a connection that reads, so that the writer only inserts.

use super::super::sql::Sql as _;
use super::body::{self, Texts};
use crate::store::{DocumentNumber, FactAnswer, HostAnswers};
use fleet::Digest;
use fleet::facts::index::{self, Entry, Kind};
use fleet::facts::volatile;
use rusqlite::{Connection, params};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Whole documents of a method that are tried as a base, the newest ones.
const CANDIDATES: i64 = 3;

/// A difference is not tried against another base below this share of the text, one in…
const GOOD: usize = 20;

/// A difference is worth it below this share of the whole body, one in…
const SHARE: usize = 3;

/// The answers of a host, ready to be written.
pub(super) struct Prepared {
    /// By method; a method that needs nothing has no entry.
    pub(super) documents: BTreeMap<String, NewDocument>,
}

/// A document that may not be stored yet.
#[derive(Clone)]
pub(super) struct NewDocument {
    pub(super) digest: Digest,
    pub(super) size: usize,
    /// What to store; `None` if it was there already.
    pub(super) body: Option<NewBody>,
    /// What is kept of the whole answer, where it is more than the document.
    pub(super) newest: Option<Newest>,
}

/// What is kept of a whole answer.
#[derive(Clone)]
pub(super) enum Newest {
    /// The answer, compressed against the document, and its size.
    Whole(Vec<u8>, usize),
    /// Its digest, of an answer that the host may give again: to tell the host that it is known is
    /// all that it is for, and the answers of some hundred services or certificates would be most
    /// of what a host occupies.
    Digest(Digest),
}

/// A document's body, and what it is found by.
#[derive(Clone)]
pub(super) struct NewBody {
    pub(super) base: Option<DocumentNumber>,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: Option<Kind>,
    /// Entries that the base lacks, or all of them.
    pub(super) added: Vec<Entry>,
    /// Entries of the base that the document lacks.
    pub(super) removed: Vec<Entry>,
}

/// Prepares every answer.
pub(super) fn prepare(sql: &Connection, answers: &HostAnswers) -> rusqlite::Result<Prepared> {
    let mut texts = Texts::default();
    let mut documents = BTreeMap::new();
    for (method, answer) in &answers.answers {
        let FactAnswer::Facts { document, whole } = answer else { continue };
        let digest = Digest::of(document.as_bytes());
        let newest = match whole {
            Some(whole) if volatile::may_repeat(method) => {
                Some(Newest::Digest(Digest::of(whole.as_bytes())))
            }
            Some(whole) => {
                let body = body::against(document, whole).map_err(body::damaged)?;
                Some(Newest::Whole(body, whole.len()))
            }
            None => None,
        };
        let number =
            sql.first("SELECT number FROM fact_methods WHERE name = ?", params![method], |row| {
                row.get::<_, i64>(0)
            })?;
        let known = match number {
            Some(number) => is_stored(sql, number, &digest)?,
            None => false,
        };
        let body = match known {
            true => None,
            false => Some(new_body(sql, &mut texts, &answers.host, (method, number), document)?),
        };
        documents
            .insert(method.clone(), NewDocument { digest, size: document.len(), body, newest });
    }
    Ok(Prepared { documents })
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
    let mut best: Option<(DocumentNumber, Vec<u8>)> = None;
    if let Some(number) = number {
        for base in candidates(sql, host, number)? {
            let Some(text) = texts.of(sql, base)? else { continue };
            let bytes = body::against(&text, document).map_err(body::damaged)?;
            if best.as_ref().is_none_or(|(_, least)| bytes.len() < least.len()) {
                best = Some((base, bytes));
            }
            // Good enough: the others could save little.
            if best.as_ref().is_some_and(|(_, bytes)| bytes.len() * GOOD < document.len()) {
                break;
            }
        }
    }
    let is_small = |bytes: usize| bytes * 2 * SHARE < document.len().min(64 << 10);
    let whole = || body::whole(document).map_err(body::damaged);
    let (base, bytes) = match best {
        // A difference of a few hundred bytes need not be compared with the whole body.
        Some((base, bytes)) if is_small(bytes.len() * 4) => (Some(base), bytes),
        Some((base, bytes)) => {
            let whole = whole()?;
            match bytes.len() < whole.len() / SHARE {
                true => (Some(base), bytes),
                false => (None, whole),
            }
        }
        None => (None, whole()?),
    };
    let kind = Kind::of(method);
    let (added, removed) = match kind {
        Some(kind) => entries(sql, texts, kind, base, document)?,
        None => Default::default(),
    };
    Ok(NewBody { base, bytes, kind, added, removed })
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

/// Returns the entries that a document has beyond its base, and those that it lacks.
fn entries(
    sql: &Connection,
    texts: &mut Texts,
    kind: Kind,
    base: Option<DocumentNumber>,
    document: &str,
) -> rusqlite::Result<(Vec<Entry>, Vec<Entry>)> {
    let of = |text: &str| -> BTreeSet<Entry> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        index::entries(kind, &value)
    };
    let own = of(document);
    let base = match base {
        Some(base) => texts.of(sql, base)?.map(|text| of(&text)).unwrap_or_default(),
        None => BTreeSet::new(),
    };
    let added = own.difference(&base).cloned().collect();
    let removed = base.difference(&own).cloned().collect();
    Ok((added, removed))
}
