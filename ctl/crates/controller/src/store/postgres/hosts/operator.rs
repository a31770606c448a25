//! An operator decides about a host.

use super::record;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::column::count;
use crate::store::postgres::{facts, params, schedules};
use crate::store::standing::By;
use crate::store::{MAX_BANNED_KEYS, StandingChange, StoreError, too_many_banned};
use fleet::identity::{self, Choice, Settled, WrongState};
use fleet::{HostRecord, UnixMillis};

/// Lets a pending host in.
pub(super) async fn approve(
    transaction: &mut Transaction,
    host: &str,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    decide(transaction, host, now, |record| identity::approve(record, now)).await
}

/// Stops requests to a host.
pub(super) async fn quarantine(
    transaction: &mut Transaction,
    host: &str,
    reason: &str,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    decide(transaction, host, now, |record| identity::quarantine(record, reason)).await
}

/// Ends a quarantine.
pub(super) async fn settle(
    transaction: &mut Transaction,
    host: &str,
    choice: Choice,
    now: UnixMillis,
) -> Result<Settled, ChangeError> {
    decide(transaction, host, now, |record| identity::settle(record, choice, now)).await
}

/// Refuses a host and its keys for ever.
pub(in crate::store::postgres) async fn ban(
    transaction: &mut Transaction,
    host: &str,
    by: By,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = &transaction.sql;
    let before = record::existing(sql, host).await?;
    let banned = sql
        .first(
            "SELECT count(*) FROM (SELECT 1 FROM gone_keys WHERE banned LIMIT $1) AS counted",
            params![MAX_BANNED_KEYS.cast_signed()],
            |row| count(row, 0),
        )
        .await?;
    if banned >= Some(MAX_BANNED_KEYS) {
        return Err(too_many_banned().into());
    }
    let keys = keys(&before);
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    sql.run(
        "INSERT INTO gone_keys (key, host, at, banned) SELECT key, $2, $3, true \
         FROM unnest($1::bytea[]) AS gone (key) ON CONFLICT (key) DO UPDATE SET banned = true",
        params![keys, host, now],
    )
    .await?;
    let mut after = before.clone();
    identity::ban(&mut after);
    record::save(transaction, &before, &after, by, now).await
}

/// Removes a host.
pub(super) async fn remove(
    transaction: &mut Transaction,
    host: &str,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = &transaction.sql;
    let record = record::existing(sql, host).await?;
    let keys = keys(&record);
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    // A ban stays.
    sql.run(
        "INSERT INTO gone_keys (key, host, at, banned) SELECT key, $2, $3, false \
         FROM unnest($1::bytea[]) AS gone (key) ON CONFLICT (key) DO NOTHING",
        params![keys, host, now],
    )
    .await?;
    schedules::forget_host(sql, host).await?;
    facts::sweep::host(sql, host).await?;
    for delete in [
        "DELETE FROM host_keys WHERE host = $1",
        "DELETE FROM labels WHERE host = $1",
        "DELETE FROM presence WHERE host = $1",
        "DELETE FROM hosts WHERE id = $1",
    ] {
        sql.run(delete, params![host]).await?;
    }
    transaction.effects.records.push(host.to_owned());
    transaction.effects.counts = true;
    transaction.effects.standings.push(StandingChange { host: host.to_owned(), state: None });
    Ok(())
}

fn keys(record: &HostRecord) -> Vec<[u8; 32]> {
    record.keys.iter().flat_map(|keys| keys.all()).map(|key| *key.as_bytes()).collect()
}

async fn decide<T>(
    transaction: &mut Transaction,
    host: &str,
    now: UnixMillis,
    rule: impl FnOnce(&mut HostRecord) -> Result<T, WrongState>,
) -> Result<T, ChangeError> {
    let before = record::existing(&transaction.sql, host).await?;
    let mut after = before.clone();
    let decided = rule(&mut after).map_err(|wrong| StoreError::Conflict(wrong.to_string()))?;
    record::save(transaction, &before, &after, By::Operator, now).await?;
    Ok(decided)
}
