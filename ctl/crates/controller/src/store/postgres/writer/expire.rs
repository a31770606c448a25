//! Deletes rows that are too old, beside results: each table that can grow has its bound here, or
//! where its rows are inserted.

use crate::store::audit_line::MAX_LINES;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::{events, hosts, params};
use crate::store::{API_TOKEN_KEPT, MAX_REMOVED, REMOVED_KEPT, REPEATABLE_KEPT, TOKEN_KEPT};
use fleet::UnixMillis;

/// Rows of one table deleted in one transaction.
const MAX_DELETED: i64 = 1024;

/// Deletes some rows of each table but the audit log; returns whether there may be more.
pub(super) async fn some(
    transaction: &mut Transaction,
    now: UnixMillis,
) -> Result<bool, ChangeError> {
    let sql = &transaction.sql;
    let mut more = false;
    for (delete, oldest) in [
        (
            "DELETE FROM tokens WHERE id IN \
             (SELECT id FROM tokens WHERE ends < $1 ORDER BY ends LIMIT $2)",
            now - TOKEN_KEPT,
        ),
        (
            "DELETE FROM gone_keys WHERE key IN (SELECT key FROM gone_keys \
             WHERE banned = false AND at < $1 ORDER BY at LIMIT $2)",
            now - REMOVED_KEPT,
        ),
        (
            "DELETE FROM api_tokens WHERE id IN (SELECT id FROM api_tokens \
             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            now - API_TOKEN_KEPT,
        ),
        (
            "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions \
             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            now,
        ),
        (
            "DELETE FROM login_links WHERE digest IN (SELECT digest FROM login_links \
             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            now,
        ),
        (
            "DELETE FROM repeatable WHERE (principal, key) IN (SELECT principal, key \
             FROM repeatable WHERE at < $1 ORDER BY at LIMIT $2)",
            now - REPEATABLE_KEPT,
        ),
    ] {
        let deleted = sql.run(delete, params![oldest, MAX_DELETED]).await?;
        more |= i64::try_from(deleted).unwrap_or(MAX_DELETED) >= MAX_DELETED;
    }
    sql.run("DELETE FROM setup WHERE expires_at < $1", params![now]).await?;
    let excess: Option<UnixMillis> = sql
        .first(
            "SELECT at FROM gone_keys WHERE banned = false ORDER BY at DESC LIMIT 1 OFFSET $1",
            params![MAX_REMOVED],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    if let Some(excess) = excess {
        let delete = "DELETE FROM gone_keys WHERE banned = false AND at <= $1";
        sql.run(delete, params![excess]).await?;
    }
    hosts::forget_pending(transaction, now).await?;
    Ok(more)
}

/// Deletes some lines of the audit log from before `oldest`; returns whether there may be more.
pub(super) async fn events(
    transaction: &mut Transaction,
    now: UnixMillis,
    oldest: UnixMillis,
) -> Result<bool, ChangeError> {
    let more = events::delete_old(&transaction.sql, oldest, MAX_LINES).await?;
    events::close_abandoned(transaction, now).await?;
    Ok(more)
}
