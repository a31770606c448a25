//! The history: the targets of all runs that have ended, newest change first.

use super::TargetRow;
use fleet::UnixMillis;
use fleet::run::EndState;

/// A page of the history.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryQuery {
    /// Only this run, by its id.
    pub(crate) run: Option<String>,
    /// Only this host.
    pub(crate) host: Option<String>,
    /// Only runs that this operator applied.
    pub(crate) operator: Option<String>,
    /// Only targets that ended at this time or later.
    pub(crate) since: Option<UnixMillis>,
    /// Only targets that ended before this time.
    pub(crate) until: Option<UnixMillis>,
    /// Only targets that ended so.
    pub(crate) state: Option<EndState>,
    /// Only changes before this one.
    pub(crate) before: Option<i64>,
    /// The most entries of the page.
    pub(crate) limit: usize,
}

impl HistoryQuery {
    /// Returns whether a target that has ended, of a run that this operator applied, is asked for.
    /// The run is not looked at.
    pub(super) fn fits(&self, target: &TargetRow, operator: Option<&str>) -> bool {
        self.host.as_ref().is_none_or(|host| *host == target.host)
            && self.operator.as_ref().is_none_or(|name| operator == Some(name.as_str()))
            && self.state.is_none_or(|state| target.state.end() == Some(state))
            && self.since.is_none_or(|since| target.ended_at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| target.ended_at.is_some_and(|at| at < until))
    }
}

/// Some entries of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HistoryPage {
    /// The entries, newest first. There may be fewer than asked for, though more follow: a search
    /// looks at a bounded number of rows at once.
    pub(crate) entries: Vec<HistoryRow>,
    /// The next page's `before`; `None` at the end.
    pub(crate) next: Option<i64>,
}

/// An entry of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryRow {
    /// The target.
    pub(crate) target: TargetRow,
    /// Who applied the run.
    pub(crate) operator: Option<String>,
    /// The request's method.
    pub(crate) method: String,
    /// The start of the command, if it is one: at most [`MAX_HISTORY_COMMAND`] characters.
    pub(crate) cmd: Option<String>,
}

/// Characters of a command in the history.
pub(crate) const MAX_HISTORY_COMMAND: usize = 1024;

/// Rows that one page of the history looks at.
pub(super) const MAX_HISTORY_SCANNED: usize = 4000;
