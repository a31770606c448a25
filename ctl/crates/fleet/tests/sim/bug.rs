//! Deliberate faults: with each of them, some seed must fail.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The agent starts a task again whose id it knows.
    NoDedup,
    /// The request leaves before its row is written.
    SentBeforeRow,
    /// One host too many is busy.
    ConcurrencyOffByOne,
    /// Budgets limit nothing.
    BudgetIgnored,
    /// A cancel is written to the run's row, but what is queued is sent all the same.
    CancelForgetsQueue,
    /// Requests are sent after `not_after`.
    NotAfterUnchecked,
    /// Failures do not stop the run.
    StopAfterIgnored,
    /// After a restart, rows that say `sent` count as waiting.
    SentForgottenAtRestart,
    /// The end of a task is stored, but nobody tells the rollout.
    EndNotTold,
    /// A host that does not reply counts as one that has not got the request.
    SilenceMeansNo,
    /// A run that was stopping goes on after a restart.
    StopForgottenAtRestart,
    /// Only a restart reads the limits of budgets again.
    BudgetChangeMissed,
    /// A restart reads from the hosts' labels which budgets they count for, not from the rows.
    BudgetsOfNewLabels,
    /// Roles are judged by the labels that a host had when the run was planned.
    RolesByOldLabels,
    /// A node that has lost its lease writes and sends what it had decided before.
    LeaseIgnored,
    /// The news of results that other nodes have stored do not reach the leader.
    NewsLost,
}

impl Bug {
    pub(crate) const ALL: [Self; 16] = [
        Self::NoDedup,
        Self::SentBeforeRow,
        Self::ConcurrencyOffByOne,
        Self::BudgetIgnored,
        Self::CancelForgetsQueue,
        Self::NotAfterUnchecked,
        Self::StopAfterIgnored,
        Self::SentForgottenAtRestart,
        Self::EndNotTold,
        Self::SilenceMeansNo,
        Self::StopForgottenAtRestart,
        Self::BudgetChangeMissed,
        Self::BudgetsOfNewLabels,
        Self::RolesByOldLabels,
        Self::LeaseIgnored,
        Self::NewsLost,
    ];
}
