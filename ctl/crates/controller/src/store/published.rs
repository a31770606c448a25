//! What is known of the store outside of it: counts of hosts, changes of standings and of runs, the
//! newest event. Updated after each commit that concerns them.

use super::effects::Effects;
use super::{HostCounts, Moves, RunChange, StandingChange, StateName};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// Transactions with changes of standings, or of runs, that a receiver may be behind.
const MAX_BEHIND: usize = 256;

/// The published values.
#[derive(Debug)]
pub(in crate::store) struct Published {
    counts: Mutex<HostCounts>,
    standings: broadcast::Sender<Arc<[StandingChange]>>,
    newest_event: watch::Sender<i64>,
    runs: broadcast::Sender<Arc<[RunChange]>>,
    budgets: watch::Sender<()>,
    relabeled: broadcast::Sender<Arc<[String]>>,
    new_facts: broadcast::Sender<Arc<[String]>>,
    schedules: watch::Sender<i64>,
    roles: watch::Sender<()>,
    ca: watch::Sender<i64>,
    moves: broadcast::Sender<Arc<Moves>>,
    /// Hosts whose records other nodes have changed.
    records: broadcast::Sender<Arc<[String]>>,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            counts: Mutex::default(),
            standings: broadcast::Sender::new(MAX_BEHIND),
            newest_event: watch::Sender::new(0),
            runs: broadcast::Sender::new(MAX_BEHIND),
            budgets: watch::Sender::new(()),
            relabeled: broadcast::Sender::new(MAX_BEHIND),
            new_facts: broadcast::Sender::new(MAX_BEHIND),
            schedules: watch::Sender::new(0),
            roles: watch::Sender::new(()),
            ca: watch::Sender::new(0),
            moves: broadcast::Sender::new(MAX_BEHIND),
            records: broadcast::Sender::new(MAX_BEHIND),
        }
    }
}

impl Published {
    /// Takes the values of a database that has just been opened.
    pub(in crate::store) fn start(&self, counts: HostCounts, newest_event: i64, schedules: i64) {
        self.set_counts(counts);
        self.newest_event.send_replace(newest_event);
        self.schedules.send_replace(schedules);
    }

    /// Publishes the counts of hosts.
    pub(in crate::store) fn set_counts(&self, counts: HostCounts) {
        *self.counts.lock() = counts;
    }

    /// Publishes what a transaction changed that is on disk now, but for the counts of hosts.
    pub(in crate::store) fn publish(&self, effects: Effects) {
        if !effects.standings.is_empty() {
            // Nobody may listen.
            let _ = self.standings.send(effects.standings.into());
        }
        if !effects.runs.is_empty() {
            // As above.
            let _ = self.runs.send(effects.runs.into());
        }
        if effects.budgets {
            self.budgets.send_replace(());
        }
        if let Some(newest) = effects.newest_event {
            self.newest_event.send_replace(newest);
        }
        if !effects.relabeled.is_empty() {
            // As above.
            let _ = self.relabeled.send(effects.relabeled.into());
        }
        if !effects.new_facts.is_empty() {
            // As above.
            let _ = self.new_facts.send(effects.new_facts.into());
        }
        if let Some(version) = effects.ca {
            self.ca.send_replace(version);
        }
        if effects.roles {
            self.roles.send_replace(());
        }
        if effects.moves != Moves::default() {
            // As above.
            let _ = self.moves.send(effects.moves.into());
        }
        if let Some(generation) = effects.schedules {
            self.schedules.send_replace(generation);
        }
    }

    /// Publishes what other nodes have changed, which this one's own changes do not tell by themselves.
    pub(in crate::store) fn heard(&self, records: &[String], moves: Vec<Moves>) {
        if !records.is_empty() {
            // As above.
            let _ = self.records.send(records.into());
        }
        for moves in moves {
            // As above.
            let _ = self.moves.send(moves.into());
        }
    }

    /// Lets every receiver find that it lags, so that it reads again what it follows.
    pub(in crate::store) fn some_are_missed(&self) {
        fn overrun<T>(sender: &broadcast::Sender<T>, nothing: impl Fn() -> T) {
            for _ in 0..=MAX_BEHIND {
                // Nobody may listen.
                let _ = sender.send(nothing());
            }
        }
        overrun(&self.standings, || Arc::from([]));
        overrun(&self.runs, || Arc::from([]));
        overrun(&self.relabeled, || Arc::from([]));
        overrun(&self.new_facts, || Arc::from([]));
        overrun(&self.records, || Arc::from([]));
        overrun(&self.moves, || Arc::new(Moves::default()));
        self.budgets.send_replace(());
        self.roles.send_replace(());
    }

    /// Returns the hosts whose records other nodes change from now on.
    pub(in crate::store) fn records(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.records.subscribe()
    }

    /// Returns the counts of hosts.
    pub(in crate::store) fn counts(&self) -> HostCounts {
        *self.counts.lock()
    }

    /// Returns the changes of standings from now on.
    pub(in crate::store) fn standings(&self) -> broadcast::Receiver<Arc<[StandingChange]>> {
        self.standings.subscribe()
    }

    /// Returns the changes of runs from now on.
    pub(in crate::store) fn runs(&self) -> broadcast::Receiver<Arc<[RunChange]>> {
        self.runs.subscribe()
    }

    /// Returns a receiver that sees each change of a budget.
    pub(in crate::store) fn budgets(&self) -> watch::Receiver<()> {
        self.budgets.subscribe()
    }

    /// Returns the hosts whose labels change from now on.
    pub(in crate::store) fn relabeled(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.relabeled.subscribe()
    }

    /// Returns the hosts whose facts change from now on.
    pub(in crate::store) fn new_facts(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.new_facts.subscribe()
    }

    /// Returns the version of the CA's files that a node has put last.
    pub(in crate::store) fn ca_version(&self) -> watch::Receiver<i64> {
        self.ca.subscribe()
    }

    /// Returns a receiver that sees each change of an own role.
    pub(in crate::store) fn roles(&self) -> watch::Receiver<()> {
        self.roles.subscribe()
    }

    /// Returns which hosts come to nodes, or leave them, from now on.
    pub(in crate::store) fn moves(&self) -> broadcast::Receiver<Arc<Moves>> {
        self.moves.subscribe()
    }

    /// Returns the generation of the schedules.
    pub(in crate::store) fn schedules(&self) -> watch::Receiver<i64> {
        self.schedules.subscribe()
    }

    /// Returns the number of the newest event.
    pub(in crate::store) fn newest_event(&self) -> watch::Receiver<i64> {
        self.newest_event.subscribe()
    }
}

/// Takes the number of hosts in a state, by the state's name in the database.
pub(in crate::store) fn count(counts: &mut HostCounts, state: &str, hosts: u64) {
    match StateName::named(state) {
        Some(StateName::Active) => counts.active = hosts,
        Some(StateName::Pending) => counts.pending = hosts,
        Some(StateName::Quarantined) => counts.quarantined = hosts,
        Some(StateName::Banned) => counts.banned = hosts,
        None => {}
    }
}
