//! Replies that end targets, which are kept beside the results of their hosts.

use super::moves::Told;
use crate::store::arrival::digest_of;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{column, params, usage};
use crate::store::steps::{Books, REPLY};
use crate::store::usage::Usage;
use fleet::UnixMillis;
use fleet::run::task_id;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A result, by what makes it one of its own.
type Key<'a> = (&'a str, &'a str, [u8; 32]);

const INSERT: &str = "\
    INSERT INTO results (host, task, kind, received, event, digest) \
    SELECT host, task, $5, $6, event, digest \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY \
    AS r (host, task, event, digest, place) ORDER BY place \
    ON CONFLICT (host, task, digest) DO NOTHING RETURNING host, task, digest";

const FIND: &str = "\
    SELECT r.host, r.task, r.digest, r.sequence \
    FROM unnest($1::text[], $2::text[], $3::bytea[]) AS a (host, task, digest) \
    JOIN results r ON r.host = a.host AND r.task = a.task AND r.digest = a.digest";

/// A reply to keep.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    host: &'a str,
    task: String,
    reply: &'a str,
    digest: [u8; 32],
}

impl<'a> Reply<'a> {
    /// Makes the reply of a host in a run.
    pub(super) fn new(run: &str, host: &'a str, reply: &'a str) -> Self {
        Self { host, task: task_id(run), reply, digest: digest_of(reply) }
    }

    fn key(&self) -> Key<'_> {
        (self.host, &self.task, self.digest)
    }
}

/// Stores replies within a transaction that holds the lock of results; returns their sequence numbers.
pub(super) async fn store(
    sql: &Sql,
    books: &mut Books,
    replies: &[Reply<'_>],
    at: UnixMillis,
) -> Result<Vec<i64>, DbError> {
    if replies.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key<'_>> = replies.iter().map(Reply::key).collect();
    let (hosts, tasks, digests) = columns(&keys);
    let events: Vec<&str> = replies.iter().map(|reply| reply.reply).collect();
    let new: HashSet<(String, String, [u8; 32])> = sql
        .all(INSERT, params![hosts, tasks, events, digests, REPLY, at], |row| {
            Ok((row.try_get(0)?, row.try_get(1)?, *column::digest(row, 2)?.as_bytes()))
        })
        .await?
        .into_iter()
        .collect();
    let mut bytes: BTreeMap<&str, i64> = BTreeMap::new();
    for reply in replies {
        if new.contains(&(reply.host.to_owned(), reply.task.clone(), reply.digest)) {
            let size = reply.reply.len() as u64;
            books.reply(reply.host, size);
            *bytes.entry(reply.host).or_default() += Usage::cost(size).cast_signed();
        }
    }
    let changes: Vec<(&str, i64)> = bytes.into_iter().collect();
    usage::write(sql, &changes).await?;
    let numbers = find(sql, &keys).await?;
    // Each is there: it was stored now, or before.
    Ok(keys.iter().map(|key| numbers.get(key).copied().unwrap_or_default()).collect())
}

/// Returns the sequence numbers of those results that the transaction has not stored itself.
pub(super) async fn sequences<'a>(
    sql: &Sql,
    told: &[(i64, Told<'a>)],
) -> Result<HashMap<Key<'a>, i64>, DbError> {
    let before = told.iter().filter(|(_, told)| told.sequence.is_none());
    let keys: Vec<Key<'a>> = before.map(|(_, told)| (told.host, told.task, told.digest)).collect();
    match keys.is_empty() {
        true => Ok(HashMap::new()),
        false => find(sql, &keys).await,
    }
}

async fn find<'a>(sql: &Sql, keys: &[Key<'a>]) -> Result<HashMap<Key<'a>, i64>, DbError> {
    let (hosts, tasks, digests) = columns(keys);
    let found: HashMap<(String, String, [u8; 32]), i64> = sql
        .all(FIND, params![hosts, tasks, digests], |row| {
            let digest = *column::digest(row, 2)?.as_bytes();
            Ok(((row.try_get(0)?, row.try_get(1)?, digest), row.try_get(3)?))
        })
        .await?
        .into_iter()
        .collect();
    let number = |key: &Key<'a>| {
        let owned = (key.0.to_owned(), key.1.to_owned(), key.2);
        Some((*key, *found.get(&owned)?))
    };
    Ok(keys.iter().filter_map(number).collect())
}

fn columns<'a>(keys: &'a [Key<'_>]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a [u8]>) {
    (
        keys.iter().map(|key| key.0).collect(),
        keys.iter().map(|key| key.1).collect(),
        keys.iter().map(|key| &key.2[..]).collect(),
    )
}
