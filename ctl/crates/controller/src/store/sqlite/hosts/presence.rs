//! What a host said when it was last there, in the table `presence`.

use crate::store::sqlite::sql::Sql as _;
use crate::store::{Followers, MAX_MISSING, NewChannel};
use fleet::UnixMillis;
use rusqlite::{Connection, params};

/// Notes what a host said when it joined.
pub(super) fn enrolled(
    sql: &Connection,
    host: &str,
    version: Option<&str>,
    boot: Option<&str>,
) -> rusqlite::Result<()> {
    sql.run(
        "INSERT INTO presence (host, version, boot) VALUES (?1, ?2, ?3) ON CONFLICT (host) \
         DO UPDATE SET version = coalesce(?2, version), boot = coalesce(?3, boot)",
        params![host, version, boot],
    )
    .map(|_| ())
}

/// Notes what a host said when it connected.
pub(super) fn connected(sql: &Connection, channel: &NewChannel) -> rusqlite::Result<()> {
    sql.run(
        "INSERT OR REPLACE INTO presence \
         (host, address, version, boot, ca_version, connected_at, last_seen) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        params![
            channel.host,
            channel.address.to_string(),
            channel.version,
            channel.boot,
            channel.ca_version,
            channel.now
        ],
    )
    .map(|_| ())
}

/// Notes that a host's channel has ended.
pub(super) fn disconnected(sql: &Connection, host: &str, at: UnixMillis) -> rusqlite::Result<()> {
    sql.run(
        "UPDATE presence SET last_seen = max(?2, coalesce(last_seen, ?2)) WHERE host = ?1",
        params![host, at],
    )
    .map(|_| ())
}

/// Notes that a host trusts this version of the CA bundle.
pub(super) fn trusts(sql: &Connection, host: &str, ca_version: u32) -> rusqlite::Result<()> {
    sql.run(
        "UPDATE presence SET ca_version = max(?2, coalesce(ca_version, 0)) WHERE host = ?1",
        params![host, ca_version],
    )
    .map(|_| ())
}

/// Hosts of our own CA (they have keys), not banned, that were seen since some time.
const SEEN: &str = "FROM presence p JOIN hosts h ON h.id = p.host WHERE p.last_seen >= ?1 AND \
                    h.state <> 'banned' AND EXISTS (SELECT 1 FROM host_keys k WHERE k.host = h.id)";

/// Counts the hosts that have followed our own CA to this version.
pub(super) fn followers(
    sql: &Connection,
    ca_version: u32,
    since: UnixMillis,
) -> rusqlite::Result<Followers> {
    let counts = format!("SELECT count(*), count(*) FILTER (WHERE p.ca_version >= ?2) {SEEN}");
    let counts = sql.first(&counts, params![since, ca_version], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    let (hosts, ready) = counts.unwrap_or_default();
    let missing = format!(
        "SELECT h.id {SEEN} AND (p.ca_version IS NULL OR p.ca_version < ?2) \
         ORDER BY h.id LIMIT {MAX_MISSING}"
    );
    let missing = match ready < hosts {
        true => sql.all(&missing, params![since, ca_version], |row| row.get(0))?,
        false => Vec::new(),
    };
    Ok(Followers { hosts, ready, missing })
}
