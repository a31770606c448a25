//! The schedules, in the tables `schedules`, `schedule_versions` and `schedule_hosts`.

use super::SqliteStore;
use super::change::{ChangeError, Transaction};
use super::column::parsed;
use super::sql::Sql as _;
use crate::store::{
    MAX_VERSIONS, Removal, ScheduleChange, ScheduleCount, ScheduleEntry, ScheduleHost,
    ScheduleNote, ScheduleResult, ScheduleRow, ScheduleSet, ScheduleVersion, Schedules, StoreError,
};
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::schedule::MAX_SCHEDULES;
use fleet::schedule::standing::Outcome;
use rusqlite::{Connection, Row, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// How long a version stays that is not the present one.
pub(super) const VERSIONS_KEPT: UnixMillis = 400 * fleet::DAY;

const COLUMNS: &str =
    "name, entry, revision, version, created_by, created_at, changed_by, changed_at";

const HOST_COLUMNS: &str = "schedule, host, outcome, tried, applied, why, since, drift, drift_at";

/// The schedule of a result, as its index has it.
const RESULTS: &str = "SELECT sequence, received, host, task, event FROM results \
     WHERE substr(task, 12, instr(substr(task, 12), ':') - 1) = ? \
     AND task > 'cron:fleet:' AND task < 'cron:fleet;' \
     AND sequence < ? ORDER BY sequence DESC LIMIT ?";

#[async_trait]
impl Schedules for SqliteStore {
    async fn schedule_set(&self) -> Result<ScheduleSet, StoreError> {
        self.readers.query("the schedules", set).await
    }

    async fn change_schedules(&self, change: ScheduleChange) -> Result<i64, StoreError> {
        self.change(move |transaction| alter(transaction, &change)).await
    }

    async fn schedule(&self, name: &str) -> Result<Option<ScheduleRow>, StoreError> {
        let name = name.to_owned();
        self.readers.query("a schedule", move |connection| find(connection, &name)).await
    }

    async fn schedules(&self, after: &str, limit: usize) -> Result<Vec<ScheduleRow>, StoreError> {
        let after = after.to_owned();
        self.readers.query("the schedules", move |connection| page(connection, &after, limit)).await
    }

    async fn schedule_versions(
        &self,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduleVersion>, StoreError> {
        let name = name.to_owned();
        self.readers
            .query("a schedule's versions", move |connection| {
                connection.all(
                    "SELECT version, entry, changed_by, at FROM schedule_versions \
                     WHERE name = ? AND version < ? ORDER BY version DESC LIMIT ?",
                    params![name, before, super::limit(limit)],
                    |row| {
                        Ok(ScheduleVersion {
                            version: row.get(0)?,
                            entry: row.get(1)?,
                            by: row.get(2)?,
                            at: row.get(3)?,
                        })
                    },
                )
            })
            .await
    }

    async fn schedule_hosts(
        &self,
        name: &str,
        only: Option<Outcome>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ScheduleHost>, StoreError> {
        let (name, after) = (name.to_owned(), after.to_owned());
        self.readers
            .query("a schedule's hosts", move |connection| {
                // The rows of one schedule lie together, in the order of their hosts.
                let of = if only.is_some() { "AND outcome = ?4" } else { "AND ?4 IS NULL" };
                let sql = format!(
                    "SELECT {HOST_COLUMNS} FROM schedule_hosts \
                     WHERE schedule = ?1 AND host > ?2 {of} ORDER BY host LIMIT ?3"
                );
                let only = only.map(Outcome::name);
                connection.all(&sql, params![name, after, super::limit(limit), only], host_row)
            })
            .await
    }

    async fn schedule_counts(&self, name: &str) -> Result<Vec<ScheduleCount>, StoreError> {
        let name = name.to_owned();
        self.readers
            .query("a schedule's hosts", move |connection| {
                connection.all(
                    "SELECT outcome, tried, hosts FROM schedule_counts WHERE schedule = ?",
                    params![name],
                    |row| {
                        Ok(ScheduleCount {
                            outcome: outcome(row, 0)?,
                            tried: row.get(1)?,
                            hosts: row.get::<_, i64>(2)?.unsigned_abs(),
                        })
                    },
                )
            })
            .await
    }

    async fn schedules_of_host(&self, host: &str) -> Result<Vec<ScheduleHost>, StoreError> {
        let host = host.to_owned();
        self.readers
            .query("a host's schedules", move |connection| {
                let sql = format!(
                    "SELECT {HOST_COLUMNS} FROM schedule_hosts WHERE host = ? ORDER BY schedule"
                );
                connection.all(&sql, params![host], host_row)
            })
            .await
    }

    async fn note_schedules(
        &self,
        host: &str,
        notes: Vec<ScheduleNote>,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let host = host.to_owned();
        self.change(move |transaction| {
            let sql = transaction.sql;
            // The host may have been removed meanwhile, and its rows with it.
            let known = sql.first("SELECT 1 FROM hosts WHERE id = ?", params![host], |_| Ok(()))?;
            if known.is_some() {
                notes.iter().try_for_each(|note| noted(sql, &host, note, now))?;
            }
            Ok(())
        })
        .await
    }

    async fn schedule_results(
        &self,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduleResult>, StoreError> {
        let name = name.to_owned();
        self.readers
            .query("a schedule's results", move |connection| {
                connection.all(RESULTS, params![name, before, super::limit(limit)], |row| {
                    Ok(ScheduleResult {
                        sequence: row.get(0)?,
                        received: row.get(1)?,
                        host: row.get(2)?,
                        task: row.get(3)?,
                        event: row.get(4)?,
                    })
                })
            })
            .await
    }

    fn schedule_generation(&self) -> watch::Receiver<i64> {
        self.published.schedules()
    }

    fn relabeled(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.published.relabeled()
    }
}

/// Returns the generation of the set.
pub(super) fn generation(sql: &Connection) -> rusqlite::Result<i64> {
    let found = sql.first("SELECT generation FROM schedule_set", [], |row| row.get(0))?;
    Ok(found.unwrap_or_default())
}

fn set(sql: &Connection) -> rusqlite::Result<ScheduleSet> {
    // In one transaction, so that the schedules are of the generation.
    let transaction = sql.unchecked_transaction()?;
    let rows = page(&transaction, "", MAX_SCHEDULES)?;
    Ok(ScheduleSet { generation: generation(&transaction)?, rows })
}

fn page(sql: &Connection, after: &str, limit: usize) -> rusqlite::Result<Vec<ScheduleRow>> {
    let text = format!("SELECT {COLUMNS} FROM schedules WHERE name > ? ORDER BY name LIMIT ?");
    sql.all(&text, params![after, super::limit(limit)], row)
}

fn find(sql: &Connection, name: &str) -> rusqlite::Result<Option<ScheduleRow>> {
    sql.first(&format!("SELECT {COLUMNS} FROM schedules WHERE name = ?"), params![name], row)
}

fn alter(transaction: &mut Transaction<'_>, change: &ScheduleChange) -> Result<i64, ChangeError> {
    let sql = transaction.sql;
    let before = generation(sql)?;
    if change.expected.is_some_and(|expected| expected != before) {
        return Err(StoreError::Conflict(
            "somebody changed the schedules meanwhile; look at the difference again".to_owned(),
        )
        .into());
    }
    let mut changes = 0;
    let gone = match &change.remove {
        Removal::Nothing => Vec::new(),
        Removal::One(name) => vec![name.clone()],
        Removal::Others => {
            let put: BTreeSet<&str> = change.put.iter().map(|entry| entry.name.as_str()).collect();
            let names =
                sql.all("SELECT name FROM schedules WHERE name > '' ORDER BY name", [], |row| {
                    row.get::<_, String>(0)
                })?;
            names.into_iter().filter(|name| !put.contains(name.as_str())).collect()
        }
    };
    for name in &gone {
        remove(sql, name, change)?;
        changes += 1;
    }
    for entry in &change.put {
        changes += i64::from(put(sql, entry, change)?);
    }
    let many = sql.first(
        "SELECT count(*) FROM (SELECT 1 FROM schedules WHERE name > '' LIMIT ?)",
        params![super::limit(MAX_SCHEDULES + 1)],
        |row| row.get::<_, u32>(0),
    )?;
    if many.is_some_and(|many| many as usize > MAX_SCHEDULES) {
        let why = format!("there would be more than {MAX_SCHEDULES} schedules; remove some first");
        return Err(StoreError::Conflict(why).into());
    }
    if changes == 0 {
        return Ok(before);
    }
    let after = before + 1;
    sql.run("UPDATE schedule_set SET generation = ?", params![after])?;
    transaction.effects.schedules = Some(after);
    Ok(after)
}

/// Stores an entry; returns whether it is another one than before.
fn put(
    sql: &Connection,
    entry: &ScheduleEntry,
    change: &ScheduleChange,
) -> Result<bool, ChangeError> {
    let known = find(sql, &entry.name)?;
    let stays = |known: &ScheduleRow| {
        known.entry == entry.entry && (!change.adopt || known.changed_by == change.by)
    };
    if known.as_ref().is_some_and(stays) {
        return Ok(false);
    }
    let version = record(sql, &entry.name, Some(&entry.entry), change)?;
    sql.run(
        "INSERT INTO schedules (name, entry, revision, version, created_by, created_at, \
         changed_by, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?6) \
         ON CONFLICT (name) DO UPDATE SET entry = ?2, revision = ?3, version = ?4, \
         changed_by = ?5, changed_at = ?6",
        params![entry.name, entry.entry, entry.revision, version, change.by, change.now],
    )?;
    Ok(true)
}

fn remove(sql: &Connection, name: &str, change: &ScheduleChange) -> Result<(), ChangeError> {
    if sql.run("DELETE FROM schedules WHERE name = ?", params![name])? == 0 {
        return Err(StoreError::missing("schedule", name).into());
    }
    record(sql, name, None, change)?;
    Ok(())
}

/// Records a version; returns its number.
fn record(
    sql: &Connection,
    name: &str,
    entry: Option<&str>,
    change: &ScheduleChange,
) -> rusqlite::Result<i64> {
    let last = sql.first(
        "SELECT version FROM schedule_versions WHERE name = ? ORDER BY version DESC LIMIT 1",
        params![name],
        |row| row.get::<_, i64>(0),
    )?;
    let version = last.unwrap_or_default() + 1;
    sql.run(
        "INSERT INTO schedule_versions (name, version, entry, changed_by, at) \
         VALUES (?, ?, ?, ?, ?)",
        params![name, version, entry, change.by, change.now],
    )?;
    sql.run(
        "DELETE FROM schedule_versions WHERE name = ? AND version <= ?",
        params![name, version - MAX_VERSIONS],
    )?;
    Ok(version)
}

fn noted(
    sql: &Connection,
    host: &str,
    note: &ScheduleNote,
    now: UnixMillis,
) -> rusqlite::Result<()> {
    match note {
        ScheduleNote::Gone { schedule } => sql
            .run(
                "DELETE FROM schedule_hosts WHERE schedule = ? AND host = ?",
                params![schedule, host],
            )
            .map(|_| ()),
        ScheduleNote::Tried { schedule, outcome, tried, applied, why, drift } => {
            let drift_at = drift.as_ref().map(|_| now);
            sql.run(
                "INSERT INTO schedule_hosts \
                 (schedule, host, outcome, tried, applied, why, since, drift, drift_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                 ON CONFLICT (schedule, host) DO UPDATE SET \
                 since = CASE WHEN outcome = ?3 AND tried = ?4 THEN since ELSE ?7 END, \
                 outcome = ?3, tried = ?4, applied = ?5, why = ?6, \
                 drift = coalesce(?8, drift), drift_at = coalesce(?9, drift_at)",
                params![schedule, host, outcome.name(), tried, applied, why, now, drift, drift_at],
            )
            .map(|_| ())
        }
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<ScheduleRow> {
    Ok(ScheduleRow {
        name: row.get(0)?,
        entry: row.get(1)?,
        revision: row.get(2)?,
        version: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        changed_by: row.get(6)?,
        changed_at: row.get(7)?,
    })
}

fn host_row(row: &Row<'_>) -> rusqlite::Result<ScheduleHost> {
    Ok(ScheduleHost {
        schedule: row.get(0)?,
        host: row.get(1)?,
        outcome: outcome(row, 2)?,
        tried: row.get(3)?,
        applied: row.get(4)?,
        why: row.get(5)?,
        since: row.get(6)?,
        drift: row.get(7)?,
        drift_at: row.get(8)?,
    })
}

fn outcome(row: &Row<'_>, column: usize) -> rusqlite::Result<Outcome> {
    parsed(row, column, |text| Outcome::named(text).ok_or("not an outcome"))
}
