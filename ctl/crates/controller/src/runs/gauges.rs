//! How many runs and targets are on their way, for `/metrics` and for the bounds.

use fleet::run::{Counts, TargetState};
use parking_lot::Mutex;
use std::collections::HashMap;

/// The figures of all active runs.
#[derive(Debug, Default)]
pub(crate) struct RunGauges(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    runs: usize,
    targets: Counts,
    /// The hosts at work by the budgets that count them.
    budgets: HashMap<String, u32>,
}

impl RunGauges {
    /// Replaces the figures.
    pub(crate) fn set(&self, runs: usize, targets: Counts) {
        let mut figures = self.0.lock();
        (figures.runs, figures.targets) = (runs, targets);
    }

    /// Replaces the numbers of hosts at work, by budget.
    pub(super) fn set_budgets<'a>(&self, used: impl Iterator<Item = (&'a str, u32)>) {
        let budgets = used.map(|(name, used)| (name.to_owned(), used)).collect();
        self.0.lock().budgets = budgets;
    }

    /// Returns how many hosts of a budget are at work.
    pub(crate) fn working(&self, budget: &str) -> u32 {
        self.0.lock().budgets.get(budget).copied().unwrap_or_default()
    }

    /// Returns the number of active runs and of their targets.
    pub(crate) fn active(&self) -> (usize, usize) {
        let figures = self.0.lock();
        (figures.runs, figures.targets.total() as usize)
    }

    /// Returns the targets of active runs by state, each state with its number.
    pub(crate) fn targets(&self) -> Vec<(&'static str, u64)> {
        let targets = self.0.lock().targets;
        TargetState::ALL
            .into_iter()
            .map(|state| (state.word(), u64::from(targets.of(state))))
            .collect()
    }
}
