//! Keys and values of labels that are in use, for lists that help to type a selector.
//!
//! A hundred thousand hosts may share a key, so the index is not read from entry to entry: each step
//! asks for the first key, or value, behind the one before.

use super::query;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{limit, params};
use crate::store::{HostQuery, InUse};

/// Steps from one key to the next, all on the server.
const KEYS: &str = "\
    WITH RECURSIVE steps (key) AS ( \
        (SELECT key FROM labels WHERE key >= $1 ORDER BY key LIMIT 1) \
        UNION ALL \
        SELECT (SELECT l.key FROM labels l WHERE l.key > steps.key ORDER BY l.key LIMIT 1) \
        FROM steps WHERE starts_with(steps.key, $1) \
    ) SELECT key FROM steps WHERE starts_with(key, $1) LIMIT $2";

/// Steps from one value of a key to the next.
const VALUES: &str = "\
    WITH RECURSIVE steps (value) AS ( \
        (SELECT value FROM labels WHERE key = $1 AND value >= $2 ORDER BY value LIMIT 1) \
        UNION ALL \
        SELECT (SELECT l.value FROM labels l WHERE l.key = $1 AND l.value > steps.value \
                ORDER BY l.value LIMIT 1) \
        FROM steps WHERE starts_with(steps.value, $2) \
    ) SELECT value FROM steps WHERE starts_with(value, $2) LIMIT $3";

/// Returns keys that begin with a prefix.
pub(super) async fn keys(sql: &Sql, prefix: &str, most: usize) -> Result<InUse, DbError> {
    let one_more = limit(most.saturating_add(1));
    let found = sql.all(KEYS, params![prefix, one_more], |row| Ok(row.try_get(0)?)).await?;
    Ok(cut(found, most))
}

/// Returns values of a key that begin with a prefix.
pub(super) async fn values(
    sql: &Sql,
    key: &str,
    prefix: &str,
    most: usize,
) -> Result<InUse, DbError> {
    let one_more = limit(most.saturating_add(1));
    let found = sql.all(VALUES, params![key, prefix, one_more], |row| Ok(row.try_get(0)?)).await?;
    Ok(cut(found, most))
}

/// Returns keys, or values of a key, that begin with a prefix, of the hosts of a page.
pub(super) async fn of_hosts(
    sql: &Sql,
    hosts: &HostQuery,
    key: Option<&str>,
    prefix: &str,
    most: usize,
) -> Result<InUse, DbError> {
    let ids = query::ids(sql, hosts).await?;
    let one_more = limit(most.saturating_add(1));
    let found = match key {
        None => {
            sql.all(
                "SELECT DISTINCT key FROM labels WHERE host = ANY ($1) AND starts_with(key, $2) \
                 ORDER BY key LIMIT $3",
                params![ids, prefix, one_more],
                |row| Ok(row.try_get(0)?),
            )
            .await?
        }
        Some(key) => {
            sql.all(
                "SELECT DISTINCT value FROM labels WHERE host = ANY ($1) AND key = $4 \
                 AND starts_with(value, $2) ORDER BY value LIMIT $3",
                params![ids, prefix, one_more, key],
                |row| Ok(row.try_get(0)?),
            )
            .await?
        }
    };
    let mut in_use = cut(found, most);
    in_use.more |= ids.len() == hosts.limit;
    Ok(in_use)
}

fn cut(mut texts: Vec<String>, most: usize) -> InUse {
    let more = texts.len() > most;
    texts.truncate(most);
    InUse { texts, more }
}
