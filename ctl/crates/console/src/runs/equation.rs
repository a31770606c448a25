//! A run's targets by state, as a sum that adds up: words with numbers, and a bar of parts.

use super::words;
use controller_api::{Equation, TargetState};

/// The bar's length, in its own units.
const LENGTH: u64 = 1000;

/// The order of the parts: what has ended well, what has not, what goes on, what is yet to come.
const ORDER: [TargetState; 14] = [
    TargetState::Succeeded,
    TargetState::Failed,
    TargetState::TimedOut,
    TargetState::Refused,
    TargetState::Invalid,
    TargetState::Interrupted,
    TargetState::Expired,
    TargetState::CanceledBeforeStart,
    TargetState::Canceled,
    TargetState::Removed,
    TargetState::Running,
    TargetState::Sent,
    TargetState::Queued,
    TargetState::Waiting,
];

/// The sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) total: u64,
    /// Each state that has targets; their counts are the total.
    pub(super) parts: Vec<Part>,
}

/// The targets in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The state's name in the API.
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) count: u64,
    /// Where the part begins in the bar, and how long it is.
    pub(super) from: u64,
    pub(super) length: u64,
}

impl Sum {
    pub(super) fn of(equation: &Equation) -> Self {
        let states = ORDER.into_iter().filter(|state| equation.of(*state) > 0);
        let mut before = 0;
        let parts = states
            .map(|state| {
                let count = equation.of(state);
                let from = place(before, equation.total);
                before += count;
                let to = place(before, equation.total);
                let mark = words::target(state);
                let (kind, word) = (mark.kind, mark.word);
                Part { name: state.name(), kind, word, count, from, length: to - from }
            })
            .collect();
        Self { total: equation.total, parts }
    }

    /// Returns the sum as a sentence, for readers who do not see the bar.
    pub(super) fn sentence(&self) -> String {
        let part = |part: &Part| format!("{} {}", part.count, part.word);
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        match parts.as_slice() {
            [] => "no host".to_owned(),
            parts => format!("{} = {}", parts.join(" + "), self.total),
        }
    }
}

/// Returns where in the bar so many of all targets end.
fn place(targets: u64, total: u64) -> u64 {
    (targets.min(total) * LENGTH).checked_div(total).unwrap_or_default()
}

/// Returns the share of a whole in the bar's units.
pub(super) fn share(part: u64, total: u64) -> u64 {
    place(part, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_and_fill_the_bar() {
        let equation = Equation {
            total: 18_000,
            succeeded: 17_000,
            failed: 1,
            running: 499,
            waiting: 500,
            ..Equation::default()
        };
        let sum = Sum::of(&equation);
        assert_eq!(sum.parts.iter().map(|part| part.count).sum::<u64>(), sum.total);
        assert_eq!(sum.parts.iter().map(|part| part.length).sum::<u64>(), LENGTH);
        assert_eq!(
            sum.sentence(),
            "17000 succeeded + 1 failed + 499 running + 500 waiting = 18000"
        );
        let none = Sum::of(&Equation::default());
        assert_eq!((none.parts.len(), none.sentence().as_str()), (0, "no host"));
    }

    #[test]
    fn no_state_is_left_out() {
        for state in TargetState::ALL {
            assert_eq!(ORDER.iter().filter(|one| **one == state).count(), 1, "{state:?}");
        }
    }
}
