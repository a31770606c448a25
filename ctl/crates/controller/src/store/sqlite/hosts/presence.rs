//! What a host said when it was last there, in the table `presence`.

use crate::store::sqlite::sql::Sql as _;
use crate::store::{Followers, MAX_MISSING, NewChannel};
use controller_api::Departure;
use fleet::UnixMillis;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

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

/// The longest time that what is known of a host waits to be written.
const DELAY: Duration = Duration::from_secs(1);

/// The time between two tries while the disk takes nothing.
const RETRY: Duration = Duration::from_secs(10);

/// What hosts said when they connected, and when they left, on its way to the disk: the writer
/// takes it once a second, or along with the next change that is not a connection. A fleet that
/// comes back would otherwise cost two changes a host. Readers have it written first.
///
/// There is one entry a host, so this is no larger than the table.
#[derive(Debug, Default)]
pub(in crate::store::sqlite) struct Unwritten(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<String, Seen>,
    /// What the transaction in progress writes.
    writing: BTreeMap<String, Seen>,
    /// When to write; `None` if there is nothing.
    due: Option<Instant>,
}

/// What is known of one host.
#[derive(Debug, Default)]
struct Seen {
    said: Option<Said>,
    ca_version: Option<u32>,
    last_seen: Option<UnixMillis>,
    departure: Option<Departure>,
}

/// What a host said when it connected.
#[derive(Debug)]
struct Said {
    address: SocketAddr,
    version: Option<String>,
    boot: Option<String>,
    at: UnixMillis,
}

impl Unwritten {
    /// Notes what a host said when it connected; returns whether the writer has to know.
    pub(super) fn connected(&self, channel: &NewChannel) -> bool {
        let NewChannel { host, address, version, boot, ca_version, now, .. } = channel;
        let said =
            Said { address: *address, version: version.clone(), boot: boot.clone(), at: *now };
        let (ca_version, last_seen) = (*ca_version, Some(*now));
        let seen = Seen { said: Some(said), ca_version, last_seen, departure: None };
        self.0.lock().note(host, |known| *known = seen)
    }

    /// Notes that a host's channel has ended; returns whether the writer has to know.
    pub(super) fn disconnected(&self, host: &str, why: Option<Departure>, at: UnixMillis) -> bool {
        self.0.lock().note(host, |known| {
            known.last_seen = known.last_seen.max(Some(at));
            known.departure = why.or(known.departure);
        })
    }

    /// Notes that a host trusts this version of the CA bundle; returns whether the writer has to
    /// know.
    pub(super) fn trusts(&self, host: &str, version: u32) -> bool {
        self.0.lock().note(host, |known| known.ca_version = known.ca_version.max(Some(version)))
    }

    /// Returns whether anything is not on disk yet.
    pub(super) fn is_any(&self) -> bool {
        let state = self.0.lock();
        !state.waiting.is_empty() || !state.writing.is_empty()
    }

    /// Returns when to write.
    pub(in crate::store::sqlite) fn due(&self) -> Option<Instant> {
        self.0.lock().due
    }

    /// Writes everything within a transaction. Then call [`Unwritten::committed`] or
    /// [`Unwritten::rolled_back`].
    pub(in crate::store::sqlite) fn write(&self, sql: &Connection) -> rusqlite::Result<()> {
        let mut state = self.0.lock();
        let waiting = std::mem::take(&mut state.waiting);
        state.keep(waiting);
        let writing = std::mem::take(&mut state.writing);
        drop(state);
        let written = writing.iter().try_for_each(|(host, seen)| seen.write(sql, host));
        self.0.lock().writing = writing;
        written
    }

    /// The transaction is on disk.
    pub(in crate::store::sqlite) fn committed(&self) {
        let mut state = self.0.lock();
        if state.writing.is_empty() {
            return;
        }
        state.writing.clear();
        state.due = (!state.waiting.is_empty()).then(|| Instant::now() + DELAY);
    }

    /// The transaction was rolled back.
    pub(in crate::store::sqlite) fn rolled_back(&self) {
        let mut state = self.0.lock();
        if !state.writing.is_empty() {
            let waiting = std::mem::take(&mut state.waiting);
            state.keep(waiting);
            state.waiting = std::mem::take(&mut state.writing);
        }
        state.due = (!state.waiting.is_empty()).then(|| Instant::now() + RETRY);
    }
}

impl State {
    /// Changes what is known of a host; returns whether nothing was to be written before.
    fn note(&mut self, host: &str, change: impl FnOnce(&mut Seen)) -> bool {
        match self.waiting.get_mut(host) {
            Some(known) => change(known),
            None => change(self.waiting.entry(host.to_owned()).or_default()),
        }
        let is_first = self.due.is_none();
        self.due.get_or_insert_with(|| Instant::now() + DELAY);
        is_first
    }

    /// Adds what came later to what is being written.
    fn keep(&mut self, later: BTreeMap<String, Seen>) {
        if self.writing.is_empty() {
            self.writing = later;
            return;
        }
        for (host, later) in later {
            let known = self.writing.entry(host).or_default();
            if later.said.is_some() {
                *known = later;
            } else {
                known.ca_version = known.ca_version.max(later.ca_version);
                known.last_seen = known.last_seen.max(later.last_seen);
                known.departure = later.departure.or(known.departure);
            }
        }
    }
}

impl Seen {
    /// Writes what is known of a host, which may have been removed meanwhile.
    fn write(&self, sql: &Connection, host: &str) -> rusqlite::Result<()> {
        let Self { said, ca_version, last_seen, departure } = self;
        let departure = departure.map(Departure::name);
        if let Some(Said { address, version, boot, at }) = said {
            sql.run(
                "INSERT OR REPLACE INTO presence \
                 (host, address, version, boot, ca_version, connected_at, last_seen, departure) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 \
                 WHERE EXISTS (SELECT 1 FROM hosts WHERE id = ?1)",
                params![
                    host,
                    address.to_string(),
                    version,
                    boot,
                    ca_version,
                    at,
                    last_seen,
                    departure
                ],
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
    use crate::store::ChannelProof;
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
        unwritten.write(&sql).unwrap();
        sql.execute("DELETE FROM presence", []).unwrap();
        // Meanwhile one leaves, and one comes back by an older state of its disk.
        unwritten.disconnected("a", Some(Departure::Lost), 20);
        unwritten.trusts("a", 4);
        unwritten.connected(&channel("b", 1, 30));
        unwritten.rolled_back();
        assert!(unwritten.is_any() && unwritten.due().is_some());
        unwritten.write(&sql).unwrap();
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
        unwritten.write(&sql).unwrap();
        unwritten.committed();
        let seen =
            sql.first("SELECT last_seen, departure FROM presence WHERE host = 'a'", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        assert_eq!(seen.unwrap(), Some((20, "lost".to_owned())));
    }
}
