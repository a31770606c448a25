//! How a schedule stands on hosts: kinds and words of a status.

use crate::chart::{Part, meter};
use crate::markup::Markup;
use crate::units::count;
use controller_api::{ScheduleCounts, ScheduleState};

/// A number of hosts on which a schedule stands in one way.
pub(super) struct Standing {
    /// The shape and color, of `parts/status.html`.
    pub(super) kind: &'static str,
    /// The number and the word.
    pub(super) text: String,
}

/// Returns the counts that are not zero.
pub(super) fn counts(counts: &ScheduleCounts) -> Vec<Standing> {
    all(counts)
        .into_iter()
        .filter(|(_, _, _, number)| *number > 0)
        .map(|(kind, _, word, number)| Standing { kind, text: format!("{} {word}", count(number)) })
        .collect()
}

/// Draws the counts as one bar.
pub(super) fn bar(counts: &ScheduleCounts) -> Markup {
    let parts = all(counts).map(|(_, color, word, value)| Part {
        kind: color,
        label: word.to_owned(),
        value,
    });
    let words: Vec<String> = self::counts(counts).into_iter().map(|it| it.text).collect();
    meter(&words.join(", "), &parts)
}

/// Returns how many hosts the counts are of.
pub(super) fn sum(counts: &ScheduleCounts) -> u64 {
    all(counts).iter().map(|(_, _, _, number)| number).sum()
}

/// Shape, color of the bar, word and number.
fn all(counts: &ScheduleCounts) -> [(&'static str, &'static str, &'static str, u64); 5] {
    [
        ("ok", "ok", "applied", counts.applied),
        ("pending", "warn", "outdated", counts.outdated),
        ("bad", "bad", "refused", counts.refused),
        ("stopped", "idle", "not allowed", counts.not_allowed),
        ("bad", "bad", "failed", counts.failed),
    ]
}

/// The states of a host: name in an address, and word.
pub(super) const STATES: [(&str, &str); 6] = [
    ("applied", "applied"),
    ("pending", "pending"),
    ("refused", "refused"),
    ("not_allowed", "not allowed"),
    ("failed", "failed"),
    ("removing", "removing"),
];

/// Returns the state of a name.
pub(super) fn state(name: &str) -> Option<ScheduleState> {
    serde_json::from_value(name.into()).ok()
}

/// Returns the shape and the word of a state.
pub(super) const fn shown(state: ScheduleState) -> (&'static str, &'static str) {
    match state {
        ScheduleState::Applied => ("ok", "applied"),
        ScheduleState::Pending => ("pending", "pending"),
        ScheduleState::Refused => ("bad", "refused"),
        ScheduleState::NotAllowed => ("stopped", "not allowed"),
        ScheduleState::Failed => ("bad", "failed"),
        ScheduleState::Removing => ("pending", "removing"),
    }
}
