//! The trend, in the table `trend`.

use super::PostgresStore;
use super::change::{ChangeError, change, query};
use super::error::DbError;
use super::sql::Sql;
use super::{column, params};
use crate::store::{KeptSample, Sample, StoreError, TREND_KEPT, Trend};
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::run::EndState;

#[async_trait]
impl Trend for PostgresStore {
    async fn add_sample(&self, sample: Sample) -> Result<(), StoreError> {
        change!(self, |transaction| add(&transaction.sql, &sample))
    }

    async fn samples(
        &self,
        since: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<KeptSample>, StoreError> {
        query!(self, "the trend", |sql| between(&sql, since, until))
    }
}

async fn add(sql: &Sql, sample: &Sample) -> Result<(), ChangeError> {
    // Whoever changes a target holds the row until the commit. While it is locked here, each change
    // up to the last one can be seen, so no failure is left out and none is counted twice.
    let lock = "SELECT last FROM target_changes FOR UPDATE";
    let last = sql.first(lock, params![], |row| Ok(row.try_get::<_, i64>(0)?)).await?;
    let last = last.unwrap_or_default();
    let before = sql
        .first(
            "SELECT change FROM trend WHERE at < $1 ORDER BY at DESC LIMIT 1",
            params![sample.at],
            |row| Ok(row.try_get::<_, i64>(0)?),
        )
        .await?;
    let failed: Vec<&str> = EndState::ALL
        .into_iter()
        .filter(|state| state.is_failure())
        .map(|state| state.word())
        .collect();
    let failures = sql
        .first(
            "SELECT count(*) FROM targets \
             WHERE state = ANY($1) AND ended_at IS NOT NULL AND change > $2",
            params![failed, before.unwrap_or(last)],
            |row| Ok(row.try_get::<_, i64>(0)?),
        )
        .await?;
    sql.run(
        "INSERT INTO trend (at, online, away, pending, quarantined, failures, change) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (at) DO NOTHING",
        params![
            sample.at,
            stored(sample.online),
            stored(sample.away),
            stored(sample.pending),
            stored(sample.quarantined),
            failures.unwrap_or_default(),
            last
        ],
    )
    .await?;
    sql.run("DELETE FROM trend WHERE at < $1", params![sample.at - TREND_KEPT]).await?;
    Ok(())
}

async fn between(
    sql: &Sql,
    since: UnixMillis,
    until: UnixMillis,
) -> Result<Vec<KeptSample>, DbError> {
    sql.all(
        "SELECT at, online, away, pending, quarantined, failures FROM trend \
         WHERE at >= $1 AND at <= $2 ORDER BY at",
        params![since, until],
        |row| {
            Ok(KeptSample {
                sample: Sample {
                    at: row.try_get(0)?,
                    online: column::count(row, 1)?,
                    away: column::count(row, 2)?,
                    pending: column::count(row, 3)?,
                    quarantined: column::count(row, 4)?,
                },
                failures: column::count(row, 5)?,
            })
        },
    )
    .await
}

/// Returns a number as PostgreSQL stores it.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
