//! What the results of each host occupy, and whether there is room for one more.
//!
//! The table `usage` holds it too, written in the transaction that adds or deletes the results.

use super::Bounds;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// What a row costs beside its event: ids, digest, indexes. Migration 2 counts the same.
const ROW: u64 = 512;

/// The bytes in use, by host and in all.
#[derive(Debug)]
pub(super) struct Usage {
    hosts: HashMap<String, u64>,
    total: u64,
    /// What the transaction in progress adds and deletes.
    changes: HashMap<String, (u64, u64)>,
    /// What it adds in all.
    added: u64,
}

/// The bound that a result would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The host's own.
    Host,
    /// That of all hosts together.
    Store,
}

impl Usage {
    /// Reads the table.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare("SELECT host, bytes FROM usage")?;
        let hosts = statement
            .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
            .collect::<rusqlite::Result<HashMap<String, u64>>>()?;
        let total = hosts.values().sum();
        Ok(Self { hosts, total, changes: HashMap::new(), added: 0 })
    }

    /// Returns what a stored event costs.
    pub(super) fn cost(event: u64) -> u64 {
        event + ROW
    }

    /// Returns the bound that another `cost` bytes of this host would exceed, if any.
    pub(super) fn full(&self, bounds: &Bounds, host: &str, cost: u64) -> Option<Full> {
        let (added, deleted) = self.changes.get(host).copied().unwrap_or_default();
        let of_host = self.hosts.get(host).copied().unwrap_or_default();
        if (of_host + added + cost).saturating_sub(deleted) > bounds.max_host_bytes {
            Some(Full::Host)
        } else if self.total + self.added + cost > bounds.max_bytes {
            Some(Full::Store)
        } else {
            None
        }
    }

    /// Notes that the transaction adds a result.
    pub(super) fn add(&mut self, host: &str, cost: u64) {
        self.change(host).0 += cost;
        self.added += cost;
    }

    /// Notes that the transaction deletes a result.
    pub(super) fn delete(&mut self, host: &str, cost: u64) {
        self.change(host).1 += cost;
    }

    fn change(&mut self, host: &str) -> &mut (u64, u64) {
        if !self.changes.contains_key(host) {
            self.changes.insert(host.to_owned(), (0, 0));
        }
        self.changes.get_mut(host).expect("it has just been inserted")
    }

    /// Writes the changes within the transaction that makes them.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut statement = connection.prepare(
            "INSERT INTO usage (host, bytes) VALUES (?1, max(?2, 0)) \
             ON CONFLICT (host) DO UPDATE SET bytes = max(bytes + ?2, 0)",
        )?;
        for (host, (added, deleted)) in &self.changes {
            let change = signed(*added) - signed(*deleted);
            statement.execute(params![host, change])?;
        }
        Ok(())
    }

    /// The transaction is on disk.
    pub(super) fn committed(&mut self) {
        for (host, (added, deleted)) in std::mem::take(&mut self.changes) {
            self.total = (self.total + added).saturating_sub(deleted);
            let bytes = self.hosts.entry(host).or_default();
            *bytes = (*bytes + added).saturating_sub(deleted);
        }
        self.added = 0;
    }

    /// The transaction was rolled back.
    pub(super) fn rolled_back(&mut self) {
        self.changes.clear();
        self.added = 0;
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
