//! Deletes rows that are too old, beside results: each table that can grow has its bound here, or
//! where its rows are inserted.

use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::sql::Sql as _;
use crate::store::sqlite::{events, hosts, runs, schedules};
use crate::store::{API_TOKEN_KEPT, MAX_REMOVED, REMOVED_KEPT, REPEATABLE_KEPT, TOKEN_KEPT};
use fleet::UnixMillis;
use rusqlite::params;

/// Rows of one table deleted in one transaction.
const MAX_DELETED: i64 = 256;

/// What is too old.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oldest {
    /// Events before this time.
    pub(super) event: UnixMillis,
    /// Runs that ended before this time.
    pub(super) run: UnixMillis,
    /// And the oldest ones, while there are more targets.
    pub(super) most_targets: i64,
}

/// Deletes some rows of each table; returns whether there may be more.
pub(super) fn some(
    transaction: &mut Transaction<'_>,
    now: UnixMillis,
    oldest: &Oldest,
) -> Result<bool, ChangeError> {
    let sql = transaction.sql;
    let mut more = false;
    for (statement, oldest) in [
        (
            "DELETE FROM tokens WHERE id IN \
             (SELECT id FROM tokens WHERE ends < ? ORDER BY ends LIMIT ?)",
            now - TOKEN_KEPT,
        ),
        (
            "DELETE FROM gone_keys WHERE key IN (SELECT key FROM gone_keys \
             WHERE banned = 0 AND at < ? ORDER BY at LIMIT ?)",
            now - REMOVED_KEPT,
        ),
        (
            "DELETE FROM api_tokens WHERE id IN (SELECT id FROM api_tokens \
             WHERE expires_at < ? ORDER BY expires_at LIMIT ?)",
            now - API_TOKEN_KEPT,
        ),
        (
            "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions \
             WHERE expires_at < ? ORDER BY expires_at LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM login_links WHERE digest IN (SELECT digest FROM login_links \
             WHERE expires_at < ? ORDER BY expires_at LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM repeatable WHERE (principal, key) IN (SELECT principal, key \
             FROM repeatable WHERE at < ? ORDER BY at LIMIT ?)",
            now - REPEATABLE_KEPT,
        ),
        (
            "DELETE FROM schedule_versions WHERE (name, version) IN (SELECT v.name, v.version \
             FROM schedule_versions v LEFT JOIN schedules s \
             ON s.name = v.name AND s.version = v.version \
             WHERE v.at < ? AND s.name IS NULL ORDER BY v.at LIMIT ?)",
            now - schedules::VERSIONS_KEPT,
        ),
    ] {
        let deleted = sql.run(statement, params![oldest, MAX_DELETED])?;
        more |= i64::try_from(deleted).unwrap_or(MAX_DELETED) >= MAX_DELETED;
    }
    sql.run("DELETE FROM setup WHERE expires_at < ?", params![now])?;
    let excess = sql.first(
        "SELECT at FROM gone_keys WHERE banned = 0 ORDER BY at DESC LIMIT 1 OFFSET ?",
        params![MAX_REMOVED],
        |row| row.get::<_, UnixMillis>(0),
    )?;
    if let Some(excess) = excess {
        sql.run("DELETE FROM gone_keys WHERE banned = 0 AND at <= ?", params![excess])?;
    }
    hosts::forget_pending(transaction, now)?;
    events::close_abandoned(transaction, now)?;
    more |= runs::delete_old(transaction, now, oldest.run, oldest.most_targets)?;
    Ok(more | events::delete_old(transaction.sql, oldest.event)?)
}
