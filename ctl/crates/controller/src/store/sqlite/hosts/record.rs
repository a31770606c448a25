//! A host's identity in the tables `hosts`, `host_keys` and `gone_keys`.

use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::column::{document, json};
use crate::store::sqlite::events;
use crate::store::sqlite::sql::Sql as _;
use crate::store::standing::{By, GoneKey, StandingChange, host_event, keys};
use crate::store::{MAX_HOSTS, StateName, StoreError, too_many_hosts};
use fleet::audit::Outcome;
use fleet::identity::QuarantineReason;
use fleet::{Digest, HostRecord, HostState, LabelSource, Labels, UnixMillis};
use rusqlite::{Connection, params};
use std::net::IpAddr;

/// Returns a host's identity.
pub(super) fn load(sql: &Connection, id: &str) -> rusqlite::Result<Option<HostRecord>> {
    sql.first("SELECT identity FROM hosts WHERE id = ?", params![id], |row| json(row, 0))
}

/// Returns a host's identity, or that it does not exist.
pub(super) fn existing(sql: &Connection, id: &str) -> Result<HostRecord, ChangeError> {
    load(sql, id)?.ok_or_else(|| StoreError::missing("host", id).into())
}

/// Returns the id of the host that a key belongs to.
pub(super) fn owner(sql: &Connection, key: &Digest) -> rusqlite::Result<Option<String>> {
    sql.first("SELECT host FROM host_keys WHERE key = ?", params![key.as_bytes()], |row| row.get(0))
}

/// Returns what a key is known for that belongs to no host anymore.
pub(super) fn gone(sql: &Connection, key: &Digest) -> rusqlite::Result<Option<GoneKey>> {
    sql.first("SELECT banned FROM gone_keys WHERE key = ?", params![key.as_bytes()], |row| {
        Ok(if row.get(0)? { GoneKey::Banned } else { GoneKey::Removed })
    })
}

/// Returns whether a key cannot become one of this host: it belongs to another, or is banned.
pub(super) fn is_taken(sql: &Connection, key: &Digest, host: &str) -> rusqlite::Result<bool> {
    let elsewhere = owner(sql, key)?.is_some_and(|owner| owner != host);
    Ok(elsewhere || gone(sql, key)? == Some(GoneKey::Banned))
}

/// Returns how many hosts wait for approval.
pub(super) fn pending(sql: &Connection) -> rusqlite::Result<u32> {
    let found = sql.first("SELECT hosts FROM host_counts WHERE state = 'pending'", [], |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(u32::try_from(found.unwrap_or_default()).unwrap_or(u32::MAX))
}

/// Stores a new host with the labels of its join token.
pub(super) fn insert(
    transaction: &mut Transaction<'_>,
    record: &HostRecord,
    labels: &Labels,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = transaction.sql;
    let all = sql.first("SELECT sum(hosts) FROM host_counts", [], |row| row.get::<_, i64>(0))?;
    if all >= Some(MAX_HOSTS.cast_signed()) {
        return Err(too_many_hosts().into());
    }
    sql.run(
        "INSERT INTO hosts (id, state, identity, token, since, enrolled_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        params![
            record.id,
            StateName::of(&record.state).text(),
            document(record),
            record.token.as_ref().map(|token| token.as_str()),
            now
        ],
    )?;
    for key in keys(record) {
        add_key(sql, &key, &record.id)?;
    }
    for (key, value) in labels {
        super::labels::set(sql, &record.id, key.as_str(), value.as_str(), LabelSource::Token)?;
    }
    transaction.effects.records.push(record.id.clone());
    transaction.effects.counts = true;
    Ok(())
}

/// Stores what a rule has changed of a host, and publishes a change of its state.
pub(super) fn save(
    transaction: &mut Transaction<'_>,
    before: &HostRecord,
    after: &HostRecord,
    by: By,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    if before == after {
        return Ok(());
    }
    transaction.effects.records.push(after.id.clone());
    let sql = transaction.sql;
    let (old, new) = (keys(before), keys(after));
    for key in old.difference(&new) {
        sql.run("DELETE FROM host_keys WHERE key = ?", params![key.as_bytes()])?;
    }
    for key in new.difference(&old) {
        add_key(sql, key, &after.id)?;
    }
    sql.run(
        "UPDATE hosts SET identity = ?2, state = ?3, since = iif(?4, ?5, since) WHERE id = ?1",
        params![
            after.id,
            document(after),
            StateName::of(&after.state).text(),
            before.state != after.state,
            now
        ],
    )?;
    if before.state != after.state {
        transaction.effects.counts = true;
        transaction
            .effects
            .standings
            .push(StandingChange { host: after.id.clone(), state: Some(after.state.clone()) });
        if let (By::Host(source), HostState::Quarantined(reason)) = (by, &after.state) {
            quarantined(transaction, &after.id, reason, source, now)?;
        }
    }
    Ok(())
}

/// Gives a key to a host. If it was that of a removed host, it is not anymore.
fn add_key(sql: &Connection, key: &Digest, host: &str) -> rusqlite::Result<()> {
    sql.run("DELETE FROM gone_keys WHERE key = ? AND banned = 0", params![key.as_bytes()])?;
    sql.run("INSERT INTO host_keys (key, host) VALUES (?, ?)", params![key.as_bytes(), host])?;
    Ok(())
}

/// Records that the rules have quarantined a host.
fn quarantined(
    transaction: &mut Transaction<'_>,
    host: &str,
    reason: &QuarantineReason,
    source: IpAddr,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    note(transaction, "hosts.quarantine", host, source, Some(document(reason)), now)
}

/// Records an event that a host has caused.
pub(super) fn note(
    transaction: &mut Transaction<'_>,
    action: &str,
    host: &str,
    source: IpAddr,
    detail: Option<String>,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let event = host_event(action, host, source, detail);
    events::record(transaction, &event, Outcome::Succeeded, now).map(|_| ())
}
