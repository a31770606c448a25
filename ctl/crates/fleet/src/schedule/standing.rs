//! The state of a schedule on a host, from the stored and the wanted revision.

use std::fmt;

/// How a schedule stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The host has the job as it should be.
    Applied,
    /// The host is to get the job, or its newest revision, as soon as it is connected.
    Pending,
    /// The policy of the host refuses the job.
    Refused,
    /// The roles of the schedule's author do not allow the command on the host.
    NotAllowed,
    /// The agent answered that it cannot set or remove the job.
    Failed,
    /// The host has the job and is to lose it.
    Removing,
}

/// The outcome of the last attempt, as it is stored for a host and a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The host has the stored revision.
    Applied,
    /// As [`Standing::Refused`].
    Refused,
    /// As [`Standing::NotAllowed`].
    NotAllowed,
    /// As [`Standing::Failed`].
    Failed,
}

impl Standing {
    /// Every standing, in the order of lists for people.
    pub const ALL: [Self; 6] = [
        Self::Applied,
        Self::Pending,
        Self::Refused,
        Self::NotAllowed,
        Self::Failed,
        Self::Removing,
    ];

    /// Returns the name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::NotAllowed => "not_allowed",
            Self::Failed => "failed",
            Self::Removing => "removing",
        }
    }

    /// Returns how a schedule stands. `wanted` is its revision if the host is to have it; `tried` is
    /// the outcome of the last attempt, the revision of that attempt, and whether the host still has
    /// a job of the schedule; `None` means that there was no attempt.
    pub fn of(wanted: Option<&str>, tried: Option<(Outcome, &str)>) -> Self {
        match (wanted, tried) {
            (None, _) => Self::Removing,
            (Some(_), None) => Self::Pending,
            (Some(wanted), Some((_, revision))) if wanted != revision => Self::Pending,
            (Some(_), Some((Outcome::Applied, _))) => Self::Applied,
            (Some(_), Some((Outcome::Refused, _))) => Self::Refused,
            (Some(_), Some((Outcome::NotAllowed, _))) => Self::NotAllowed,
            (Some(_), Some((Outcome::Failed, _))) => Self::Failed,
        }
    }
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Applied, Self::Refused, Self::NotAllowed, Self::Failed];

    /// Returns the name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::NotAllowed => "not_allowed",
            Self::Failed => "failed",
        }
    }

    /// Returns the outcome of that name.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == text)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
