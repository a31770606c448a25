//! The hosts that this node has let in, for the time in which its database cannot be read.

use fleet::Digest;
use fleet::identity::Standing;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// For so long after the database failed, hosts that were let in before may come back.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// Hosts that are remembered.
const MAX_KNOWN: usize = 1_000_000;

/// The hosts.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hosts: HashMap<Box<str>, (Digest, Standing)>,
    /// Since when the database has not answered.
    failing_since: Option<Instant>,
    /// How many changes of hosts' standings, and losses of keys, have been heard of.
    changes: u64,
}

impl Known {
    /// Notes that the database let a host in.
    pub(super) fn note(&self, host: &str, key: Digest, standing: Standing) {
        let mut state = self.0.lock();
        state.failing_since = None;
        if state.hosts.len() < MAX_KNOWN || state.hosts.contains_key(host) {
            state.hosts.insert(host.into(), (key, standing));
        }
    }

    /// Notes that the database refused a host.
    pub(super) fn refused(&self, host: &str) {
        let mut state = self.0.lock();
        state.failing_since = None;
        state.hosts.remove(host);
    }

    /// Notes a change of a host's standing; `None` for one that must not be let in anymore.
    pub(super) fn changed(&self, host: &str, standing: Option<Standing>) {
        let mut state = self.0.lock();
        state.changes += 1;
        match standing {
            None => drop(state.hosts.remove(host)),
            Some(standing) => {
                if let Some(known) = state.hosts.get_mut(host) {
                    known.1 = standing;
                }
            }
        }
    }

    /// Notes that a host's key is refused from now on, whoever presents it.
    pub(super) fn superseded(&self) {
        self.0.lock().changes += 1;
    }

    /// Forgets every host, since changes were missed.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock();
        state.changes += 1;
        state.hosts.clear();
    }

    /// Returns how many changes have been noted.
    pub(super) fn changes(&self) -> u64 {
        self.0.lock().changes
    }

    /// Notes that the database did not answer, and returns what a host may do that was let in
    /// before; `None` if it was not, or too long ago.
    pub(super) fn without_database(
        &self,
        host: &str,
        key: Digest,
        now: Instant,
    ) -> Option<Standing> {
        let mut state = self.0.lock();
        let since = *state.failing_since.get_or_insert(now);
        let (known, standing) = state.hosts.get(host)?;
        (*known == key && now.duration_since(since) < GRACE).then_some(*standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_database_known_hosts_come_in_for_ten_minutes_and_others_never() {
        let known = Known::default();
        let (key, other) = (Digest::of(b"key"), Digest::of(b"other"));
        let start = Instant::now();
        known.note("a", key, Standing::Active);
        known.note("b", key, Standing::Active);
        assert_eq!(known.without_database("a", key, start), Some(Standing::Active));
        assert_eq!(known.without_database("a", other, start), None);
        assert_eq!(known.without_database("c", key, start), None);
        known.changed("b", None);
        assert_eq!(known.without_database("b", key, start), None);
        let late = start + GRACE;
        assert_eq!(known.without_database("a", key, late), None);
        // The database has answered meanwhile.
        known.note("x", key, Standing::Active);
        assert_eq!(known.without_database("a", key, late), Some(Standing::Active));
    }
}
