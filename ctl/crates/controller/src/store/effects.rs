//! What a change means to others.

use super::{Moves, RunChange, StandingChange};

/// What others learn of a change once it is on disk.
#[derive(Debug, Default)]
pub(in crate::store) struct Effects {
    /// Hosts whose standing changed.
    pub(in crate::store) standings: Vec<StandingChange>,
    /// Hosts whose records changed.
    pub(in crate::store) records: Vec<String>,
    /// Whether a host came, went, or changed its state.
    pub(in crate::store) counts: bool,
    /// The number of the newest line of the audit log.
    pub(in crate::store) newest_event: Option<i64>,
    /// Runs and targets that changed.
    pub(in crate::store) runs: Vec<RunChange>,
    /// Whether a budget was set or removed.
    pub(in crate::store) budgets: bool,
    /// Hosts of which a reply was stored beside their results, with its size in bytes.
    pub(in crate::store) replies: Vec<(String, u64)>,
    /// Hosts whose facts changed.
    pub(in crate::store) new_facts: Vec<String>,
    /// Hosts whose labels changed.
    pub(in crate::store) relabeled: Vec<String>,
    /// The generation of the schedules, if it changed.
    pub(in crate::store) schedules: Option<i64>,
    /// Whether an own role was put or deleted.
    pub(in crate::store) roles: bool,
    /// The version of the CA's files, if they changed.
    pub(in crate::store) ca: Option<i64>,
    /// Results that were stored: of which host, of which task.
    pub(in crate::store) results: Vec<(String, String)>,
    /// What the hosts' results occupy more, or less, in bytes.
    pub(in crate::store) usage: Vec<(String, i64)>,
    /// Hosts whose channels have come to a node, or gone.
    pub(in crate::store) moves: Moves,
}

impl Effects {
    /// Adds those of a later change.
    pub(in crate::store) fn append(&mut self, later: Self) {
        self.standings.extend(later.standings);
        self.records.extend(later.records);
        self.counts |= later.counts;
        self.newest_event = later.newest_event.or(self.newest_event);
        self.runs.extend(later.runs);
        self.budgets |= later.budgets;
        self.replies.extend(later.replies);
        self.new_facts.extend(later.new_facts);
        self.relabeled.extend(later.relabeled);
        self.schedules = later.schedules.or(self.schedules);
        self.roles |= later.roles;
        self.ca = later.ca.or(self.ca);
        self.results.extend(later.results);
        self.usage.extend(later.usage);
        self.moves.places.extend(later.moves.places);
        self.moves.emptied.extend(later.moves.emptied);
    }
}
