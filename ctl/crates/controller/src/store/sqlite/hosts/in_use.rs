//! Keys and values of labels that are in use, for lists that help to type a selector.
//!
//! A hundred thousand hosts may share a key, so the index is not read from entry to entry: each step
//! asks for the first key, or value, behind the one before.

use super::kept_sets::KeptSets;
use super::query;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{HostQuery, InUse};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// Returns keys that begin with a prefix.
pub(super) fn keys(sql: &Connection, prefix: &str, limit: usize) -> rusqlite::Result<InUse> {
    steps(prefix, limit, |from, is_first| {
        // Two statements, so that each uses the index.
        let text = match is_first {
            true => "SELECT key FROM labels WHERE key >= ? ORDER BY key LIMIT 1",
            false => "SELECT key FROM labels WHERE key > ? ORDER BY key LIMIT 1",
        };
        sql.first(text, params![from], |row| row.get(0))
    })
}

/// Returns values of a key that begin with a prefix.
pub(super) fn values(
    sql: &Connection,
    key: &str,
    prefix: &str,
    limit: usize,
) -> rusqlite::Result<InUse> {
    steps(prefix, limit, |from, is_first| {
        let text = match is_first {
            true => "SELECT value FROM labels WHERE key = ? AND value >= ? ORDER BY value LIMIT 1",
            false => "SELECT value FROM labels WHERE key = ? AND value > ? ORDER BY value LIMIT 1",
        };
        sql.first(text, params![key, from], |row| row.get(0))
    })
}

/// Returns keys, or values of a key, that begin with a prefix, of the hosts of a page.
pub(super) fn of_hosts(
    sql: &Connection,
    kept: &KeptSets,
    hosts: &HostQuery,
    key: Option<&str>,
    prefix: &str,
    limit: usize,
) -> rusqlite::Result<InUse> {
    let ids = query::ids(sql, kept, hosts)?;
    let mut found = BTreeSet::new();
    for id in &ids {
        let texts: Vec<String> = match key {
            None => sql.all(
                "SELECT key FROM labels WHERE host = ? AND key >= ?",
                params![id, prefix],
                |row| row.get(0),
            )?,
            Some(key) => sql.all(
                "SELECT value FROM labels WHERE host = ? AND key = ?",
                params![id, key],
                |row| row.get(0),
            )?,
        };
        found.extend(texts.into_iter().filter(|text| text.starts_with(prefix)));
    }
    let more = ids.len() == hosts.limit || found.len() > limit;
    Ok(InUse { texts: found.into_iter().take(limit).collect(), more })
}

/// Collects what `next` finds, from `prefix` on.
fn steps(
    prefix: &str,
    limit: usize,
    mut next: impl FnMut(&str, bool) -> rusqlite::Result<Option<String>>,
) -> rusqlite::Result<InUse> {
    let mut found = InUse::default();
    let mut at = next(prefix, true)?;
    while let Some(text) = at.filter(|text| text.starts_with(prefix)) {
        if found.texts.len() == limit {
            found.more = true;
            break;
        }
        at = next(&text, false)?;
        found.texts.push(text);
    }
    Ok(found)
}
