//! Changes of the set of schedules, and their versions.

use super::find;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::column::count;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{limit, params};
use crate::store::{MAX_VERSIONS, Removal, ScheduleChange, ScheduleEntry, ScheduleRow, StoreError};
use fleet::UnixMillis;
use fleet::schedule::MAX_SCHEDULES;
use std::collections::BTreeSet;

/// How long a version stays that is not the present one.
const VERSIONS_KEPT: UnixMillis = 400 * fleet::DAY;

/// Versions deleted in one transaction.
const MAX_DELETED: i64 = 256;

/// Makes a change of the set; returns the generation then.
pub(super) async fn alter(
    transaction: &mut Transaction,
    change: &ScheduleChange,
) -> Result<i64, ChangeError> {
    let sql = &transaction.sql;
    // One change after the other, until its commit.
    let before: Option<i64> = sql
        .first("SELECT generation FROM schedule_set FOR UPDATE", params![], |row| {
            Ok(row.try_get(0)?)
        })
        .await?;
    let before = before.unwrap_or_default();
    if change.expected.is_some_and(|expected| expected != before) {
        return Err(StoreError::Conflict(
            "somebody changed the schedules meanwhile; look at the difference again".to_owned(),
        )
        .into());
    }
    let mut changes = 0;
    for name in removed(sql, change).await? {
        remove(sql, &name, change).await?;
        changes += 1;
    }
    for entry in &change.put {
        changes += i64::from(put(sql, entry, change).await?);
    }
    let many = sql
        .first(
            "SELECT count(*) FROM (SELECT 1 FROM schedules WHERE name > '' LIMIT $1) s",
            params![limit(MAX_SCHEDULES + 1)],
            |row| count(row, 0),
        )
        .await?;
    if many.is_some_and(|many| many > MAX_SCHEDULES as u64) {
        let why = format!("there would be more than {MAX_SCHEDULES} schedules; remove some first");
        return Err(StoreError::Conflict(why).into());
    }
    if changes == 0 {
        return Ok(before);
    }
    let after = before + 1;
    sql.run("UPDATE schedule_set SET generation = $1", params![after]).await?;
    transaction.effects.schedules = Some(after);
    Ok(after)
}

/// Returns the names of the schedules that a change removes.
async fn removed(sql: &Sql, change: &ScheduleChange) -> Result<Vec<String>, DbError> {
    match &change.remove {
        Removal::Nothing => Ok(Vec::new()),
        Removal::One(name) => Ok(vec![name.clone()]),
        Removal::Others => {
            let put: BTreeSet<&str> = change.put.iter().map(|entry| entry.name.as_str()).collect();
            let names: Vec<String> = sql
                .all("SELECT name FROM schedules WHERE name > '' ORDER BY name", params![], |row| {
                    Ok(row.try_get(0)?)
                })
                .await?;
            Ok(names.into_iter().filter(|name| !put.contains(name.as_str())).collect())
        }
    }
}

/// Stores an entry; returns whether it is another one than before.
async fn put(
    sql: &Sql,
    entry: &ScheduleEntry,
    change: &ScheduleChange,
) -> Result<bool, ChangeError> {
    let known = find(sql, &entry.name).await?;
    let stays = |known: &ScheduleRow| {
        known.entry == entry.entry && (!change.adopt || known.changed_by == change.by)
    };
    if known.as_ref().is_some_and(stays) {
        return Ok(false);
    }
    let version = record(sql, &entry.name, Some(&entry.entry), change).await?;
    sql.run(
        "INSERT INTO schedules (name, entry, revision, version, created_by, created_at, \
         changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $5, $6) \
         ON CONFLICT (name) DO UPDATE SET entry = $2, revision = $3, version = $4, \
         changed_by = $5, changed_at = $6",
        params![entry.name, entry.entry, entry.revision, version, change.by, change.now],
    )
    .await?;
    Ok(true)
}

async fn remove(sql: &Sql, name: &str, change: &ScheduleChange) -> Result<(), ChangeError> {
    if sql.run("DELETE FROM schedules WHERE name = $1", params![name]).await? == 0 {
        return Err(StoreError::missing("schedule", name).into());
    }
    record(sql, name, None, change).await?;
    Ok(())
}

/// Records a version; returns its number.
async fn record(
    sql: &Sql,
    name: &str,
    entry: Option<&str>,
    change: &ScheduleChange,
) -> Result<i64, DbError> {
    let last = sql
        .first(
            "SELECT version FROM schedule_versions WHERE name = $1 ORDER BY version DESC LIMIT 1",
            params![name],
            |row| Ok(row.try_get::<_, i64>(0)?),
        )
        .await?;
    let version = last.unwrap_or_default() + 1;
    sql.run(
        "INSERT INTO schedule_versions (name, version, entry, changed_by, at) \
         VALUES ($1, $2, $3, $4, $5)",
        params![name, version, entry, change.by, change.now],
    )
    .await?;
    sql.run(
        "DELETE FROM schedule_versions WHERE name = $1 AND version <= $2",
        params![name, version - MAX_VERSIONS],
    )
    .await?;
    Ok(version)
}

/// Deletes some of the versions that are too old; returns whether there may be more.
pub(in crate::store::postgres) async fn delete_old(
    sql: &Sql,
    now: UnixMillis,
) -> Result<bool, DbError> {
    let deleted = sql
        .run(
            "DELETE FROM schedule_versions WHERE (name, version) IN (SELECT v.name, v.version \
             FROM schedule_versions v LEFT JOIN schedules s \
             ON s.name = v.name AND s.version = v.version \
             WHERE v.at < $1 AND s.name IS NULL ORDER BY v.at LIMIT $2)",
            params![now - VERSIONS_KEPT, MAX_DELETED],
        )
        .await?;
    Ok(deleted >= MAX_DELETED.unsigned_abs())
}
