//! An operator decides about a host.

use super::record;
use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::facts;
use crate::store::sqlite::sql::Sql as _;
use crate::store::standing::By;
use crate::store::{MAX_BANNED_KEYS, StandingChange, StoreError, too_many_banned};
use fleet::identity::{self, Choice, Settled, WrongState};
use fleet::{HostRecord, UnixMillis};
use rusqlite::params;

/// Lets a pending host in.
pub(super) fn approve(
    transaction: &mut Transaction<'_>,
    host: &str,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    decide(transaction, host, now, |record| identity::approve(record, now))
}

/// Stops requests to a host.
pub(super) fn quarantine(
    transaction: &mut Transaction<'_>,
    host: &str,
    reason: &str,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    decide(transaction, host, now, |record| identity::quarantine(record, reason))
}

/// Ends a quarantine.
pub(super) fn settle(
    transaction: &mut Transaction<'_>,
    host: &str,
    choice: Choice,
    now: UnixMillis,
) -> Result<Settled, ChangeError> {
    decide(transaction, host, now, |record| identity::settle(record, choice, now))
}

/// Refuses a host and its keys for ever.
pub(in crate::store::sqlite) fn ban(
    transaction: &mut Transaction<'_>,
    host: &str,
    by: By,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = transaction.sql;
    let before = record::existing(sql, host)?;
    let banned = sql.first(
        "SELECT count(*) FROM (SELECT 1 FROM gone_keys WHERE banned = 1 LIMIT ?)",
        params![MAX_BANNED_KEYS.cast_signed()],
        |row| row.get::<_, i64>(0),
    )?;
    if banned >= Some(MAX_BANNED_KEYS.cast_signed()) {
        return Err(too_many_banned().into());
    }
    for key in before.keys.iter().flat_map(|keys| keys.all()) {
        sql.run(
            "INSERT INTO gone_keys (key, host, at, banned) VALUES (?1, ?2, ?3, 1) \
             ON CONFLICT (key) DO UPDATE SET banned = 1",
            params![key.as_bytes(), host, now],
        )?;
    }
    let mut after = before.clone();
    identity::ban(&mut after);
    record::save(transaction, &before, &after, by, now)
}

/// Removes a host.
pub(super) fn remove(
    transaction: &mut Transaction<'_>,
    host: &str,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = transaction.sql;
    let record = record::existing(sql, host)?;
    for key in record.keys.iter().flat_map(|keys| keys.all()) {
        // A ban stays.
        sql.run(
            "INSERT INTO gone_keys (key, host, at, banned) VALUES (?, ?, ?, 0) \
             ON CONFLICT (key) DO NOTHING",
            params![key.as_bytes(), host, now],
        )?;
    }
    facts::sweep::host(sql, host)?;
    for sql_of_table in [
        "DELETE FROM host_keys WHERE host = ?",
        "DELETE FROM labels WHERE host = ?",
        "DELETE FROM presence WHERE host = ?",
        "DELETE FROM hosts WHERE id = ?",
    ] {
        sql.run(sql_of_table, params![host])?;
    }
    transaction.effects.records.push(host.to_owned());
    transaction.effects.counts = true;
    transaction.effects.standings.push(StandingChange { host: host.to_owned(), state: None });
    Ok(())
}

fn decide<T>(
    transaction: &mut Transaction<'_>,
    host: &str,
    now: UnixMillis,
    rule: impl FnOnce(&mut HostRecord) -> Result<T, WrongState>,
) -> Result<T, ChangeError> {
    let before = record::existing(transaction.sql, host)?;
    let mut after = before.clone();
    let decided = rule(&mut after).map_err(|wrong| StoreError::Conflict(wrong.to_string()))?;
    record::save(transaction, &before, &after, By::Operator, now)?;
    Ok(decided)
}
