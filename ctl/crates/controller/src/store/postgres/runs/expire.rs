//! Deletes runs that are too old, with their targets, and plans that nobody applied.

use super::ledger::Ledger;
use super::{query, record};
use crate::store::StopRun;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use fleet::run::RunEnd;
use fleet::{DAY, UnixMillis};

/// Targets deleted in one transaction.
const MAX_DELETED: i32 = 1024;

/// Plans ended in one transaction.
const MAX_ENDED: i64 = 64;

/// Minutes of which the first change is forgotten in one transaction.
const MAX_MINUTES: i64 = 1024;

/// How long a plan that nobody applied can be looked at after its end.
const PLAN_KEPT: UnixMillis = DAY;

/// Deletes some expired rows: plans, as [`make_room`], and runs that ended before `oldest`.
/// Returns whether there may be more.
pub(in crate::store::postgres) async fn delete_old(
    transaction: &mut Transaction,
    now: UnixMillis,
    oldest: UnixMillis,
    most: i64,
) -> Result<bool, ChangeError> {
    let mut more = make_room(transaction, now, most).await?;
    let sql = &transaction.sql;
    let run: Option<i64> = sql
        .first(
            "SELECT number FROM runs WHERE state = 'ended' AND ended_at < $1 \
             ORDER BY ended_at LIMIT 1",
            params![oldest],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    if let Some(number) = run {
        delete(sql, number).await?;
        more = true;
    }
    sql.run(
        "DELETE FROM change_minutes WHERE minute IN \
         (SELECT minute FROM change_minutes WHERE minute < $1 ORDER BY minute LIMIT $2)",
        params![oldest / 60_000, MAX_MINUTES],
    )
    .await?;
    Ok(more)
}

/// Ends the plans that nobody applied in time, and deletes some targets of those that ended a day
/// ago, and of the oldest ended run while there are more than `most`. Each part of a new plan does
/// that first: plans of a whole fleet that are only looked at would fill the disk within a day. Returns
/// whether there may be more.
pub(super) async fn make_room(
    transaction: &mut Transaction,
    now: UnixMillis,
    most: i64,
) -> Result<bool, ChangeError> {
    let expired: Vec<String> = transaction
        .sql
        .all(
            "SELECT id FROM runs WHERE state = 'planned' AND valid_until < $1 \
             ORDER BY valid_until LIMIT $2",
            params![now, MAX_ENDED],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    if !expired.is_empty() {
        end_plans(transaction, &expired, now).await?;
    }
    let sql = &transaction.sql;
    let stored = sql
        .first("SELECT targets FROM target_changes", params![], |row| Ok(row.try_get::<_, i64>(0)?))
        .await?;
    let full = stored.unwrap_or_default() > most;
    let mut more = false;
    for (text, before) in [
        (
            "SELECT number FROM runs WHERE state = 'ended' AND ended_at < $1 \
             ORDER BY ended_at LIMIT 1",
            if full { now } else { UnixMillis::MIN },
        ),
        (
            "SELECT number FROM runs WHERE state = 'ended' AND applied_at IS NULL \
             AND ended_at < $1 ORDER BY ended_at LIMIT 1",
            now - PLAN_KEPT,
        ),
    ] {
        let run = sql.first(text, params![before], |row| Ok(row.try_get(0)?)).await?;
        if let Some(number) = run {
            delete(sql, number).await?;
            more = true;
        }
    }
    Ok(more || expired.len() >= usize::try_from(MAX_ENDED).unwrap_or(usize::MAX))
}

/// Ends plans that nobody applied in time.
async fn end_plans(
    transaction: &mut Transaction,
    expired: &[String],
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let mut ledger = Ledger::open(&transaction.sql, now, expired.len()).await?;
    for id in expired {
        // Somebody may have applied it before the ledger was ours.
        let Some(plan) = query::one(&transaction.sql, id).await? else { continue };
        let is_planned = plan.state == fleet::run::RunState::Planned;
        // One that is just being made, or was when the controller ended.
        if is_planned && (plan.valid_until > 0 || plan.created_at < now - DAY) {
            let why = "nobody applied the plan in time".to_owned();
            let stop = StopRun { end: RunEnd::Expired, why: Some(why), at: now };
            record::end_plan(&transaction.sql, &mut ledger, &plan, &stop).await?;
        }
    }
    Ok(ledger.close(transaction).await?)
}

/// Deletes some targets of a run; with the last of them, the run.
async fn delete(sql: &Sql, number: i64) -> Result<(), DbError> {
    // Before the targets: whoever moves them holds it.
    Ledger::open(sql, 0, 0).await?;
    let deleted = sql
        .run(
            "DELETE FROM targets WHERE run = $1 AND position < $2 + \
             (SELECT position FROM targets WHERE run = $1 ORDER BY position LIMIT 1)",
            params![number, MAX_DELETED],
        )
        .await?;
    let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
    sql.run(
        "UPDATE target_changes SET targets = greatest(targets - $1, 0) WHERE single = 1",
        params![deleted],
    )
    .await?;
    if deleted < i64::from(MAX_DELETED) {
        for text in [
            "DELETE FROM left_out WHERE run = $1",
            "DELETE FROM target_counts WHERE run = $1",
            "DELETE FROM runs WHERE number = $1",
        ] {
            sql.run(text, params![number]).await?;
        }
    }
    Ok(())
}
