//! The books of one transaction: the numbers of its changes, and the counts of targets by state.
//!
//! Counts and the last number of a run are written once, however many targets a transaction moves.

use crate::store::RunChange;
use fleet::UnixMillis;
use fleet::run::TargetState;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Returns the minute of a time: the changes of a minute are found by the first of them.
pub(in crate::store) const fn minute(at: UnixMillis) -> i64 {
    at.div_euclid(60_000)
}

/// A run and a stage of it.
pub(in crate::store) type Stage = (i64, u16);

/// The books.
#[derive(Debug)]
pub(in crate::store) struct Books {
    at: UnixMillis,
    /// The number of the last change.
    last: i64,
    counts: HashMap<(Stage, &'static str), i64>,
    /// The last change of each run.
    pub(in crate::store) runs: BTreeMap<i64, i64>,
    /// Every change, in order.
    pub(in crate::store) changes: Vec<RunChange>,
    /// Replies that are stored beside the results of hosts, with their sizes in bytes.
    pub(in crate::store) replies: Vec<(String, u64)>,
}

impl Books {
    /// Opens the books of a transaction at this time, whose changes come after one.
    pub(in crate::store) fn open(at: UnixMillis, last: i64) -> Self {
        Self {
            at,
            last,
            counts: HashMap::new(),
            runs: BTreeMap::new(),
            changes: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Returns the time of the transaction.
    pub(in crate::store) const fn at(&self) -> UnixMillis {
        self.at
    }

    /// Takes the next number, for a change of a target.
    pub(in crate::store) fn target(
        &mut self,
        run: (i64, &Arc<str>),
        position: u32,
        to: TargetState,
    ) -> i64 {
        self.change(run, Some((position, to)))
    }

    /// Takes the next number, for a change of a run.
    pub(in crate::store) fn run(&mut self, run: (i64, &Arc<str>)) -> i64 {
        self.change(run, None)
    }

    fn change(
        &mut self,
        (number, run): (i64, &Arc<str>),
        target: Option<(u32, TargetState)>,
    ) -> i64 {
        self.last += 1;
        let change = self.last;
        self.runs.insert(number, change);
        self.changes.push(RunChange { change, number, run: Arc::clone(run), target });
        change
    }

    /// Counts targets that came into a state, or left it if the number is negative.
    pub(in crate::store) fn count(&mut self, stage: Stage, state: TargetState, targets: i64) {
        *self.counts.entry((stage, state.word())).or_default() += targets;
    }

    /// Counts a target that went from one state to another.
    pub(in crate::store) fn moved(&mut self, stage: Stage, from: TargetState, to: TargetState) {
        self.count(stage, from, -1);
        self.count(stage, to, 1);
    }

    /// Notes that a reply of so many bytes is stored beside the results of a host.
    pub(in crate::store) fn reply(&mut self, host: &str, bytes: u64) {
        self.replies.push((host.to_owned(), bytes));
    }

    /// Returns the counts that change: run, stage, state, and by how many targets.
    pub(in crate::store) fn counts(&self) -> impl Iterator<Item = (Stage, &'static str, i64)> {
        let changed = self.counts.iter().filter(|(_, targets)| **targets != 0);
        changed.map(|((stage, state), targets)| (*stage, *state, *targets))
    }
}
