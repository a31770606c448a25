//! What a host said when it was last there, in the table `presence`.

use crate::store::postgres::change::{CommitError, Transaction};
use crate::store::postgres::column::count;
use crate::store::postgres::core::Core;
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::unwritten::Seen;
use crate::store::{Followers, MAX_MISSING, PlaceChange};
use controller_api::Departure;
use fleet::UnixMillis;
use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Instant;
use tokio::sync::watch;
use tokio::time::sleep_until;

/// Notes what a host said when it joined: the agent's version, and the boot.
pub(super) async fn enrolled(
    sql: &Sql,
    host: &str,
    (version, boot): (Option<&str>, Option<&str>),
) -> Result<(), DbError> {
    sql.run(
        "INSERT INTO presence (host, version, boot) VALUES ($1, $2, $3) ON CONFLICT (host) \
         DO UPDATE SET version = coalesce($2, presence.version), boot = coalesce($3, presence.boot)",
        params![host, version, boot],
    )
    .await?;
    Ok(())
}

impl Core {
    /// Writes the hosts' known presence, so that a reader finds it. Where that fails, the
    /// reader finds what was known before.
    pub(in crate::store::postgres) async fn write_presence(&self) {
        if !self.unwritten.is_any() {
            return;
        }
        let _writing = self.writing_presence.lock().await;
        let writing = self.unwritten.begin();
        let written = self.try_write_presence(&writing).await;
        self.unwritten.end(writing);
        match written {
            Ok(()) => self.unwritten.committed(),
            Err(error) => {
                log::debug!("what is known of the hosts' presence is not written yet: {error}");
                self.unwritten.rolled_back();
            }
        }
    }

    async fn try_write_presence(
        &self,
        writing: &BTreeMap<String, Seen>,
    ) -> Result<(), CommitError> {
        if writing.is_empty() {
            return Ok(());
        }
        let mut transaction = self.try_begin().await.map_err(CommitError::Undone)?;
        match write(&mut transaction, writing).await {
            Ok(()) => self.commit(transaction).await,
            Err(error) => {
                self.note(&error);
                transaction.roll_back().await;
                Err(CommitError::Undone(error))
            }
        }
    }
}

/// Writes the hosts' presence when it is due, until the store closes.
pub(in crate::store::postgres) async fn keep(core: Weak<Core>, mut stop: watch::Receiver<bool>) {
    loop {
        let Some(strong) = core.upgrade() else { return };
        let due = strong.unwritten.due();
        let noted = std::sync::Arc::clone(&strong.presence_noted);
        drop(strong);
        tokio::select! {
            () = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => noted.notified().await,
                }
            } => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if due.is_some_and(|due| due <= Instant::now())
            && let Some(core) = core.upgrade()
        {
            core.write_presence().await;
        }
    }
}

/// Writes the known presence of some hosts, which may have been removed meanwhile. A host that has
/// left this node may have come to another one, which has written that already: then it is not away.
async fn write(
    transaction: &mut Transaction,
    hosts: &BTreeMap<String, Seen>,
) -> Result<(), DbError> {
    let (sql, node) = (&transaction.sql, transaction.node);
    let (there, left): (Vec<_>, Vec<_>) = hosts.iter().partition(|(_, seen)| seen.said.is_some());
    if !there.is_empty() {
        sql.run(
            "INSERT INTO presence \
             (host, address, version, boot, ca_version, connected_at, last_seen, departure, node) \
             SELECT s.host, s.address, s.version, s.boot, s.ca_version, s.connected_at, s.last_seen, \
             s.departure, CASE WHEN s.is_here THEN $9::integer END \
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], \
             $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $10::boolean[]) \
             AS s (host, address, version, boot, ca_version, connected_at, last_seen, departure, \
             is_here) WHERE (SELECT true FROM hosts h WHERE h.id = s.host) ORDER BY s.host \
             ON CONFLICT (host) DO UPDATE SET address = excluded.address, \
             version = excluded.version, boot = excluded.boot, ca_version = excluded.ca_version, \
             connected_at = excluded.connected_at, last_seen = excluded.last_seen, \
             departure = CASE WHEN excluded.node IS NULL AND presence.node <> $9 \
             THEN presence.departure ELSE excluded.departure END, \
             node = CASE WHEN excluded.node IS NULL AND presence.node <> $9 \
             THEN presence.node ELSE excluded.node END",
            params![
                column(&there, |host, _| host),
                column(&there, |_, seen| seen.said.as_ref().map(|said| said.address.to_string())),
                column(&there, |_, seen| seen.said.as_ref().and_then(|said| said.version.clone())),
                column(&there, |_, seen| seen.said.as_ref().and_then(|said| said.boot.clone())),
                column(&there, |_, seen| seen.ca_version.map(i64::from)),
                column(&there, |_, seen| seen.said.as_ref().map(|said| said.at)),
                column(&there, |_, seen| seen.last_seen),
                column(&there, |_, seen| seen.departure.map(Departure::name)),
                node,
                column(&there, |_, seen| seen.is_here.unwrap_or_default()),
            ],
        )
        .await?;
    }
    if !left.is_empty() {
        sql.run(
            "UPDATE presence p SET last_seen = greatest(p.last_seen, s.last_seen), \
             departure = CASE WHEN s.is_here OR p.node <> $5 THEN p.departure \
             ELSE coalesce(s.departure, p.departure) END, \
             ca_version = greatest(p.ca_version, s.ca_version), \
             node = CASE WHEN s.is_here THEN $5::integer WHEN s.is_here IS NULL OR p.node <> $5 \
             THEN p.node END \
             FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $6::boolean[]) \
             AS s (host, ca_version, last_seen, departure, is_here) WHERE p.host = s.host",
            params![
                column(&left, |host, _| host),
                column(&left, |_, seen| seen.ca_version.map(i64::from)),
                column(&left, |_, seen| seen.last_seen),
                column(&left, |_, seen| seen.departure.map(Departure::name)),
                node,
                column(&left, |_, seen| seen.is_here),
            ],
        )
        .await?;
    }
    if let Some(node) = node {
        let place = |(host, seen): (&String, &Seen)| {
            let is_there = seen.is_here?;
            Some(PlaceChange { host: host.clone(), from: node, is_there })
        };
        transaction.effects.moves.places.extend(hosts.iter().filter_map(place));
    }
    Ok(())
}

/// Returns one value of each host.
fn column<'a, T>(
    hosts: &[(&'a String, &'a Seen)],
    value: impl Fn(&'a str, &'a Seen) -> T,
) -> Vec<T> {
    hosts.iter().map(|(host, seen)| value(host.as_str(), seen)).collect()
}

/// Counts the hosts that have followed our own CA to this version. They have keys, are not banned,
/// and were seen since some time.
const COUNTS: &str = "\
    SELECT count(*), count(*) FILTER (WHERE p.ca_version >= $2) \
    FROM presence p JOIN hosts h ON h.id = p.host WHERE p.last_seen >= $1 AND \
    h.state <> 'banned' AND EXISTS (SELECT 1 FROM host_keys k WHERE k.host = h.id)";

/// Some of the hosts that have not.
const MISSING: &str = "\
    SELECT h.id FROM presence p JOIN hosts h ON h.id = p.host WHERE p.last_seen >= $1 AND \
    h.state <> 'banned' AND EXISTS (SELECT 1 FROM host_keys k WHERE k.host = h.id) \
    AND (p.ca_version IS NULL OR p.ca_version < $2) ORDER BY h.id LIMIT $3";

/// Returns how many hosts have followed our own CA to this version, and some of those that have not.
pub(super) async fn followers(
    sql: &Sql,
    ca_version: u32,
    since: UnixMillis,
) -> Result<Followers, DbError> {
    let version = i64::from(ca_version);
    let counts = sql
        .first(COUNTS, params![since, version], |row| Ok((count(row, 0)?, count(row, 1)?)))
        .await?;
    let (hosts, ready) = counts.unwrap_or_default();
    let most = i64::try_from(MAX_MISSING).unwrap_or(i64::MAX);
    let missing = match ready < hosts {
        true => sql.all(MISSING, params![since, version, most], |row| Ok(row.try_get(0)?)).await?,
        false => Vec::new(),
    };
    Ok(Followers { hosts, ready, missing })
}
