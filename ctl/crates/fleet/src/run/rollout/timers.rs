//! Points in time at which something is due for a target.

use std::collections::{BTreeSet, HashMap};

/// One point in time for each target, at most.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(u64, u32)>,
    of: HashMap<u32, u64>,
}

impl Timers {
    /// Sets a target's time, instead of the one before.
    pub(super) fn set(&mut self, target: u32, at: u64) {
        self.clear(target);
        self.of.insert(target, at);
        self.due.insert((at, target));
    }

    /// Sets a target's time if it has none.
    pub(super) fn set_if_none(&mut self, target: u32, at: u64) {
        if !self.of.contains_key(&target) {
            self.set(target, at);
        }
    }

    /// Removes a target's time.
    pub(super) fn clear(&mut self, target: u32) {
        if let Some(at) = self.of.remove(&target) {
            self.due.remove(&(at, target));
        }
    }

    /// Returns the first time.
    pub(super) fn first(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes a target whose time is not after `until`.
    pub(super) fn pop(&mut self, until: u64) -> Option<u32> {
        let (at, target) = *self.due.first()?;
        if at > until {
            return None;
        }
        self.clear(target);
        Some(target)
    }
}
