//! The trend, in the table `trend`.

use super::SqliteStore;
use super::change::ChangeError;
use super::sql::Sql as _;
use crate::store::{KeptSample, Sample, StoreError, TREND_KEPT, Trend};
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::run::EndState;
use rusqlite::{Connection, params};

#[async_trait]
impl Trend for SqliteStore {
    async fn add_sample(&self, sample: Sample) -> Result<(), StoreError> {
        self.change_without_presence(move |transaction| add(transaction.sql, &sample)).await
    }

    async fn samples(
        &self,
        since: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<KeptSample>, StoreError> {
        self.readers.query("the trend", move |connection| between(connection, since, until)).await
    }
}

fn add(sql: &Connection, sample: &Sample) -> Result<(), ChangeError> {
    let last = sql.first("SELECT last FROM target_changes", [], |row| row.get::<_, i64>(0))?;
    let last = last.unwrap_or_default();
    let before = sql.first(
        "SELECT change FROM trend WHERE at < ? ORDER BY at DESC LIMIT 1",
        params![sample.at],
        |row| row.get(0),
    )?;
    let mut failures = 0;
    for state in EndState::ALL.into_iter().filter(|state| state.is_failure()) {
        let ended = sql.first(
            "SELECT count(*) FROM targets \
             WHERE state = ? AND ended_at IS NOT NULL AND change > ?",
            params![state.word(), before.unwrap_or(last)],
            |row| row.get::<_, i64>(0),
        )?;
        failures += ended.unwrap_or_default();
    }
    sql.run(
        "INSERT OR IGNORE INTO trend (at, online, away, pending, quarantined, failures, change) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            sample.at,
            stored(sample.online),
            stored(sample.away),
            stored(sample.pending),
            stored(sample.quarantined),
            failures,
            last
        ],
    )?;
    sql.run("DELETE FROM trend WHERE at < ?", params![sample.at - TREND_KEPT])?;
    Ok(())
}

fn between(
    sql: &Connection,
    since: UnixMillis,
    until: UnixMillis,
) -> rusqlite::Result<Vec<KeptSample>> {
    sql.all(
        "SELECT at, online, away, pending, quarantined, failures FROM trend \
         WHERE at >= ? AND at <= ? ORDER BY at",
        params![since, until],
        |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(KeptSample {
                sample: Sample {
                    at: row.get(0)?,
                    online: count(1)?,
                    away: count(2)?,
                    pending: count(3)?,
                    quarantined: count(4)?,
                },
                failures: count(5)?,
            })
        },
    )
}

/// Returns a number as SQLite stores it.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
