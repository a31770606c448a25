//! What a host said when it was last there, in the table `presence`.

use crate::store::sqlite::sql::Sql as _;
use crate::store::unwritten::{Said, Seen, Unwritten};
use crate::store::{Followers, MAX_MISSING};
use controller_api::Departure;
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

/// Writes everything within a transaction. Then call [`Unwritten::committed`] or
/// [`Unwritten::rolled_back`].
pub(in crate::store::sqlite) fn write(
    unwritten: &Unwritten,
    sql: &Connection,
) -> rusqlite::Result<()> {
    let writing = unwritten.begin();
    let written = writing.iter().try_for_each(|(host, seen)| write_one(sql, host, seen));
    unwritten.end(writing);
    written
}

/// Writes what is known of a host, which may have been removed meanwhile.
fn write_one(sql: &Connection, host: &str, seen: &Seen) -> rusqlite::Result<()> {
    let Seen { said, ca_version, last_seen, departure, is_here: _ } = seen;
    let departure = departure.map(Departure::name);
    if let Some(Said { address, version, boot, at }) = said {
        sql.run(
            "INSERT OR REPLACE INTO presence \
                 (host, address, version, boot, ca_version, connected_at, last_seen, departure) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 \
                 WHERE EXISTS (SELECT 1 FROM hosts WHERE id = ?1)",
            params![host, address.to_string(), version, boot, ca_version, at, last_seen, departure],
        )?;
        return Ok(());
    }
    if let Some(at) = last_seen {
        sql.run(
            "UPDATE presence SET last_seen = max(?2, coalesce(last_seen, ?2)), \
                 departure = coalesce(?3, departure) WHERE host = ?1",
            params![host, at, departure],
        )?;
    }
    if let Some(version) = ca_version {
        sql.run(
            "UPDATE presence SET ca_version = max(?2, coalesce(ca_version, 0)) WHERE host = ?1",
            params![host, version],
        )?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ChannelProof, NewChannel};
    use fleet::identity::UnknownHosts;

    fn channel(host: &str, ca_version: u32, now: UnixMillis) -> NewChannel {
        NewChannel {
            host: host.to_owned(),
            proof: ChannelProof::Foreign { unknown: UnknownHosts::Accept },
            address: "192.0.2.7:4711".parse().unwrap(),
            version: Some("0.2.0".to_owned()),
            boot: None,
            ca_version: Some(ca_version),
            now,
        }
    }

    #[test]
    fn what_a_transaction_did_not_write_waits_and_what_came_later_wins() {
        let sql = Connection::open_in_memory().unwrap();
        sql.execute_batch(
            "CREATE TABLE hosts (id TEXT PRIMARY KEY);
             INSERT INTO hosts VALUES ('a'), ('b');
             CREATE TABLE presence (host TEXT PRIMARY KEY, address, version, boot, ca_version,
                                    connected_at, last_seen, departure);",
        )
        .unwrap();
        let unwritten = Unwritten::default();
        assert!(unwritten.connected(&channel("a", 3, 10)) && unwritten.due().is_some());
        assert!(!unwritten.connected(&channel("removed", 3, 10)));
        assert!(!unwritten.connected(&channel("b", 3, 10)));
        write(&unwritten, &sql).unwrap();
        sql.execute("DELETE FROM presence", []).unwrap();
        // Meanwhile one leaves, and one comes back by an older state of its disk.
        unwritten.disconnected("a", Some(Departure::Lost), 20);
        unwritten.trusts("a", 4);
        unwritten.connected(&channel("b", 1, 30));
        unwritten.rolled_back();
        assert!(unwritten.is_any() && unwritten.due().is_some());
        write(&unwritten, &sql).unwrap();
        unwritten.committed();
        assert!(!unwritten.is_any() && unwritten.due().is_none());
        let rows: Vec<(String, i64, i64, i64)> = sql
            .all(
                "SELECT host, ca_version, connected_at, last_seen FROM presence WHERE host > ''",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        assert_eq!(rows, [("a".to_owned(), 4, 10, 20), ("b".to_owned(), 1, 30, 30)]);
        unwritten.disconnected("a", None, 15);
        write(&unwritten, &sql).unwrap();
        unwritten.committed();
        let seen =
            sql.first("SELECT last_seen, departure FROM presence WHERE host = 'a'", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        assert_eq!(seen.unwrap(), Some((20, "lost".to_owned())));
    }
}
