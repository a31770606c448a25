//! What a host said when it was last there, in the table `presence`.

use crate::store::NewChannel;
use crate::store::sqlite::sql::Sql as _;
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
