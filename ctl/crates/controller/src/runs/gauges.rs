//! How many runs and targets are on their way, for `/metrics` and for the bounds.

use fleet::run::{Counts, TargetState};
use parking_lot::Mutex;

/// The figures of all active runs.
#[derive(Debug, Default)]
pub(crate) struct RunGauges(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    runs: usize,
    targets: Counts,
}

impl RunGauges {
    /// Replaces the figures.
    pub(crate) fn set(&self, runs: usize, targets: Counts) {
        *self.0.lock() = Figures { runs, targets };
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
