//! What the results of each host occupy, and whether there is room for one more.
//!
//! The table `usage` holds it too, written in the transaction that adds or deletes the results.

use super::Bounds;
use std::collections::HashMap;

/// What a row costs beside its event: ids, digest, indexes. Migration 2 counts the same.
const ROW: u64 = 512;

/// The bytes in use, by host and in all.
#[derive(Debug)]
pub(in crate::store) struct Usage {
    hosts: HashMap<String, u64>,
    total: u64,
    /// What the transaction in progress adds and deletes.
    changes: HashMap<String, (u64, u64)>,
    /// What it adds in all.
    added: u64,
}

/// The bound that a result would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Full {
    /// The host's own.
    Host,
    /// That of all hosts together.
    Store,
}

/// What became of a result of a transaction that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Fate {
    /// It is stored, now or before.
    Stored,
    /// There is no room for it.
    Refused(Full),
}

impl Usage {
    /// Makes the books of what the table holds.
    pub(in crate::store) fn of(hosts: HashMap<String, u64>) -> Self {
        let total = hosts.values().sum();
        Self { hosts, total, changes: HashMap::new(), added: 0 }
    }

    /// Returns what a stored event costs.
    pub(in crate::store) fn cost(event: u64) -> u64 {
        event + ROW
    }

    /// Returns the bound that another `cost` bytes of this host would exceed, if any.
    pub(in crate::store) fn full(&self, bounds: &Bounds, host: &str, cost: u64) -> Option<Full> {
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
    pub(in crate::store) fn add(&mut self, host: &str, cost: u64) {
        self.change(host).0 += cost;
        self.added += cost;
    }

    /// Notes that the transaction deletes a result.
    pub(in crate::store) fn delete(&mut self, host: &str, cost: u64) {
        self.change(host).1 += cost;
    }

    fn change(&mut self, host: &str) -> &mut (u64, u64) {
        if !self.changes.contains_key(host) {
            self.changes.insert(host.to_owned(), (0, 0));
        }
        self.changes.get_mut(host).expect("it has just been inserted")
    }

    /// Returns what the transaction in progress changes, to be written within it: each host and its
    /// bytes, fewer if negative.
    pub(in crate::store) fn changes(&self) -> impl ExactSizeIterator<Item = (&str, i64)> {
        self.changes
            .iter()
            .map(|(host, (added, deleted))| (&**host, signed(*added) - signed(*deleted)))
    }

    /// Notes a result that another transaction has added, which is on disk.
    pub(in crate::store) fn stored(&mut self, host: &str, cost: u64) {
        self.total += cost;
        *self.hosts.entry(host.to_owned()).or_default() += cost;
    }

    /// Notes what another node's transaction has changed, which is on disk.
    pub(in crate::store) fn changed(&mut self, host: &str, bytes: i64) {
        let of_host = self.hosts.entry(host.to_owned()).or_default();
        *of_host = of_host.saturating_add_signed(bytes);
        self.total = self.total.saturating_add_signed(bytes);
    }

    /// The transaction is on disk.
    pub(in crate::store) fn committed(&mut self) {
        for (host, (added, deleted)) in std::mem::take(&mut self.changes) {
            self.total = (self.total + added).saturating_sub(deleted);
            let bytes = self.hosts.entry(host).or_default();
            *bytes = (*bytes + added).saturating_sub(deleted);
        }
        self.added = 0;
    }

    /// The transaction was rolled back.
    pub(in crate::store) fn rolled_back(&mut self) {
        self.changes.clear();
        self.added = 0;
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
