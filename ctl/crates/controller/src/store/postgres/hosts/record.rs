//! A host's identity in the tables `hosts`, `host_keys` and `gone_keys`.
//!
//! A change locks the row of its host first: so two changes of one host come one after the other,
//! and the second one sees what the first one did.

use crate::store::document::document;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::column::{count, json};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{events, params};
use crate::store::standing::{By, GoneKey, StandingChange, host_event, keys};
use crate::store::{MAX_HOSTS, StateName, StoreError, too_many_hosts};
use fleet::audit::Outcome;
use fleet::identity::QuarantineReason;
use fleet::{Digest, HostRecord, HostState, Labels, UnixMillis};
use futures_util::future::try_join4;
use std::collections::BTreeSet;
use std::net::IpAddr;

const INSERT: &str = "\
    INSERT INTO hosts (id, state, identity, token, certificate_ends, since, enrolled_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $6)";

const COUNT: &str = "SELECT active + pending + quarantined + banned FROM host_counts";

/// Returns a host's identity.
pub(super) async fn load(sql: &Sql, id: &str) -> Result<Option<HostRecord>, DbError> {
    let load = "SELECT identity FROM hosts WHERE id = $1";
    sql.first(load, params![id], |row| json(row, 0)).await
}

/// Returns a host's identity, which nobody else changes before the transaction ends.
pub(super) async fn lock(sql: &Sql, id: &str) -> Result<Option<HostRecord>, DbError> {
    let lock = "SELECT identity FROM hosts WHERE id = $1 FOR UPDATE";
    sql.first(lock, params![id], |row| json(row, 0)).await
}

/// As [`lock`], or that the host does not exist.
pub(super) async fn existing(sql: &Sql, id: &str) -> Result<HostRecord, ChangeError> {
    lock(sql, id).await?.ok_or_else(|| StoreError::missing("host", id).into())
}

/// Returns the id of the host that a key belongs to.
pub(super) async fn owner(sql: &Sql, key: &Digest) -> Result<Option<String>, DbError> {
    let find = "SELECT host FROM host_keys WHERE key = $1";
    sql.first(find, params![&key.as_bytes()[..]], |row| Ok(row.try_get(0)?)).await
}

/// Returns what a key is known for that belongs to no host anymore.
pub(super) async fn gone(sql: &Sql, key: &Digest) -> Result<Option<GoneKey>, DbError> {
    let find = "SELECT banned FROM gone_keys WHERE key = $1";
    sql.first(find, params![&key.as_bytes()[..]], |row| {
        Ok(if row.try_get(0)? { GoneKey::Banned } else { GoneKey::Removed })
    })
    .await
}

/// Returns whether a key cannot become one of this host: it belongs to another, or is banned.
pub(super) async fn is_taken(sql: &Sql, key: &Digest, host: &str) -> Result<bool, DbError> {
    let elsewhere = owner(sql, key).await?.is_some_and(|owner| owner != host);
    Ok(elsewhere || gone(sql, key).await? == Some(GoneKey::Banned))
}

/// Returns how many hosts wait for approval.
pub(super) async fn pending(sql: &Sql) -> Result<u32, DbError> {
    let read = "SELECT pending FROM host_counts";
    let found = sql.first(read, params![], |row| count(row, 0)).await?;
    Ok(u32::try_from(found.unwrap_or_default()).unwrap_or(u32::MAX))
}

/// Returns how many hosts wait for approval; no other host comes before the transaction ends.
pub(super) async fn pending_at_last(sql: &Sql) -> Result<u32, DbError> {
    let lock = "SELECT pending FROM host_counts FOR UPDATE";
    let found = sql.first(lock, params![], |row| count(row, 0)).await?;
    Ok(u32::try_from(found.unwrap_or_default()).unwrap_or(u32::MAX))
}

/// Stores a new host with the labels of its join token.
pub(super) async fn insert(
    transaction: &mut Transaction,
    record: &HostRecord,
    labels: &Labels,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let sql = &transaction.sql;
    let keys = keys(record);
    let values = params![
        record.id,
        StateName::of(&record.state).text(),
        document(record),
        record.token.as_ref().map(|token| token.as_str()),
        certificate_ends(record),
        now
    ];
    // Sent together, run one after the other: the host locks the row of counts.
    let (_, hosts, (), ()) = try_join4(
        sql.run(INSERT, values),
        sql.first(COUNT, params![], |row| count(row, 0)),
        add_keys(sql, &keys, &record.id),
        super::labels::of_token(sql, &record.id, labels),
    )
    .await?;
    if hosts > Some(MAX_HOSTS) {
        return Err(too_many_hosts().into());
    }
    transaction.effects.records.push(record.id.clone());
    transaction.effects.counts = true;
    Ok(())
}

/// Stores what a rule has changed of a host, and publishes a change of its state.
pub(super) async fn save(
    transaction: &mut Transaction,
    before: &HostRecord,
    after: &HostRecord,
    by: By,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    if before == after {
        return Ok(());
    }
    transaction.effects.records.push(after.id.clone());
    let sql = &transaction.sql;
    let (old, new) = (keys(before), keys(after));
    let lost: Vec<&[u8]> = old.difference(&new).map(|key| &key.as_bytes()[..]).collect();
    if !lost.is_empty() {
        sql.run("DELETE FROM host_keys WHERE key = ANY ($1)", params![lost]).await?;
    }
    add_keys(sql, &new.difference(&old).copied().collect(), &after.id).await?;
    sql.run(
        "UPDATE hosts SET identity = $2, state = $3, certificate_ends = $6, \
         since = CASE WHEN $4 THEN $5 ELSE since END WHERE id = $1",
        params![
            after.id,
            document(after),
            StateName::of(&after.state).text(),
            before.state != after.state,
            now,
            certificate_ends(after)
        ],
    )
    .await?;
    if before.state != after.state {
        transaction.effects.counts = true;
        transaction
            .effects
            .standings
            .push(StandingChange { host: after.id.clone(), state: Some(after.state.clone()) });
        if let (By::Host(source), HostState::Quarantined(reason)) = (by, &after.state) {
            quarantined(transaction, &after.id, reason, source, now).await?;
        }
    }
    Ok(())
}

fn certificate_ends(record: &HostRecord) -> Option<UnixMillis> {
    record.keys.as_ref()?.certificate.as_ref().map(|certificate| certificate.not_after)
}

/// Gives keys to a host. If they were those of a removed host, they are not anymore.
async fn add_keys(sql: &Sql, keys: &BTreeSet<Digest>, host: &str) -> Result<(), DbError> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key.as_bytes()[..]).collect();
    sql.run("DELETE FROM gone_keys WHERE key = ANY ($1) AND NOT banned", params![keys]).await?;
    sql.run(
        "INSERT INTO host_keys (key, host) SELECT key, $2 FROM unnest($1::bytea[]) AS new (key)",
        params![keys, host],
    )
    .await?;
    Ok(())
}

/// Records that the rules have quarantined a host.
async fn quarantined(
    transaction: &mut Transaction,
    host: &str,
    reason: &QuarantineReason,
    source: IpAddr,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    note(transaction, "hosts.quarantine", host, source, Some(document(reason)), now).await
}

/// Records an event that a host has caused.
pub(super) async fn note(
    transaction: &mut Transaction,
    action: &str,
    host: &str,
    source: IpAddr,
    detail: Option<String>,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let event = host_event(action, host, source, detail);
    events::record(transaction, &event, Outcome::Succeeded, now).await.map(|_| ())
}
