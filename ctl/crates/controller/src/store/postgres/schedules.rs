//! The schedules, in the tables `schedules` and `schedule_versions` (`alter`), and what was tried on
//! `hosts`, in `schedule_hosts`.

mod alter;
mod hosts;

pub(super) use alter::delete_old;
pub(super) use hosts::forget_host;

use super::PostgresStore;
use super::change::{change, query as read};
use super::error::DbError;
use super::sql::Sql;
use super::{limit, params};
use crate::store::{
    ScheduleChange, ScheduleCount, ScheduleHost, ScheduleNote, ScheduleResult, ScheduleRow,
    ScheduleSet, ScheduleVersion, Schedules, StoreError,
};
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::schedule::MAX_SCHEDULES;
use fleet::schedule::standing::Outcome;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use tokio_postgres::Row;

const COLUMNS: &str =
    "name, entry, revision, version, created_by, created_at, changed_by, changed_at";

/// The schedule of a result, as its index has it.
const RESULTS: &str = "SELECT sequence, received, host, task, event FROM results \
     WHERE split_part(task, ':', 3) = $1 \
     AND task > 'cron:fleet:' AND task < 'cron:fleet;' \
     AND sequence < $2 ORDER BY sequence DESC LIMIT $3";

#[async_trait]
impl Schedules for PostgresStore {
    async fn schedule_set(&self) -> Result<ScheduleSet, StoreError> {
        read!(self, "the schedules", |sql| set(&sql))
    }

    async fn change_schedules(&self, change: ScheduleChange) -> Result<i64, StoreError> {
        change!(self, |transaction| alter::alter(&mut transaction, &change))
    }

    async fn schedule(&self, name: &str) -> Result<Option<ScheduleRow>, StoreError> {
        read!(self, "a schedule", |sql| find(&sql, name))
    }

    async fn schedules(&self, after: &str, limit: usize) -> Result<Vec<ScheduleRow>, StoreError> {
        read!(self, "the schedules", |sql| page(&sql, after, limit))
    }

    async fn schedule_versions(
        &self,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduleVersion>, StoreError> {
        read!(self, "a schedule's versions", |sql| sql.all(
            "SELECT version, entry, changed_by, at FROM schedule_versions \
             WHERE name = $1 AND version < $2 ORDER BY version DESC LIMIT $3",
            params![name, before, super::limit(limit)],
            |row| {
                Ok(ScheduleVersion {
                    version: row.try_get(0)?,
                    entry: row.try_get(1)?,
                    by: row.try_get(2)?,
                    at: row.try_get(3)?,
                })
            },
        ))
    }

    async fn schedule_hosts(
        &self,
        name: &str,
        only: Option<Outcome>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ScheduleHost>, StoreError> {
        read!(self, "a schedule's hosts", |sql| hosts::page(&sql, name, only, after, limit))
    }

    async fn schedule_counts(&self, name: &str) -> Result<Vec<ScheduleCount>, StoreError> {
        read!(self, "a schedule's hosts", |sql| hosts::counts(&sql, name))
    }

    async fn schedules_of_host(&self, host: &str) -> Result<Vec<ScheduleHost>, StoreError> {
        read!(self, "a host's schedules", |sql| hosts::of_host(&sql, host))
    }

    async fn note_schedules(
        &self,
        host: &str,
        notes: Vec<ScheduleNote>,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let host = host.to_owned();
        change!(self, |transaction| hosts::noted(&transaction.sql, &host, &notes, now))
    }

    async fn schedule_results(
        &self,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduleResult>, StoreError> {
        read!(self, "a schedule's results", |sql| sql.all(
            RESULTS,
            params![name, before, super::limit(limit)],
            |row| {
                Ok(ScheduleResult {
                    sequence: row.try_get(0)?,
                    received: row.try_get(1)?,
                    host: row.try_get(2)?,
                    task: row.try_get(3)?,
                    event: row.try_get(4)?,
                })
            },
        ))
    }

    fn schedule_generation(&self) -> watch::Receiver<i64> {
        self.core.published.schedules()
    }

    fn relabeled(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.core.published.relabeled()
    }
}

/// Returns the generation of the set.
pub(super) async fn generation(sql: &Sql) -> Result<i64, DbError> {
    let found = sql
        .first("SELECT generation FROM schedule_set", params![], |row| Ok(row.try_get(0)?))
        .await?;
    Ok(found.unwrap_or_default())
}

/// Reads the set, so that the schedules are of the generation: one statement sees one moment.
async fn set(sql: &Sql) -> Result<ScheduleSet, DbError> {
    let text = format!(
        "SELECT {COLUMNS}, (SELECT generation FROM schedule_set) FROM schedules \
         WHERE name > '' ORDER BY name LIMIT $1"
    );
    let rows = sql
        .all(&text, params![limit(MAX_SCHEDULES)], |found| Ok((row(found)?, found.try_get(8)?)))
        .await?;
    let generation = match rows.first() {
        Some((_, generation)) => *generation,
        None => generation(sql).await?,
    };
    Ok(ScheduleSet { generation, rows: rows.into_iter().map(|(row, _)| row).collect() })
}

async fn page(sql: &Sql, after: &str, most: usize) -> Result<Vec<ScheduleRow>, DbError> {
    let text = format!("SELECT {COLUMNS} FROM schedules WHERE name > $1 ORDER BY name LIMIT $2");
    sql.all(&text, params![after, limit(most)], row).await
}

async fn find(sql: &Sql, name: &str) -> Result<Option<ScheduleRow>, DbError> {
    let text = format!("SELECT {COLUMNS} FROM schedules WHERE name = $1");
    sql.first(&text, params![name], row).await
}

fn row(row: &Row) -> Result<ScheduleRow, DbError> {
    Ok(ScheduleRow {
        name: row.try_get(0)?,
        entry: row.try_get(1)?,
        revision: row.try_get(2)?,
        version: row.try_get(3)?,
        created_by: row.try_get(4)?,
        created_at: row.try_get(5)?,
        changed_by: row.try_get(6)?,
        changed_at: row.try_get(7)?,
    })
}
