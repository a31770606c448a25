//! The states of a run and of its targets.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;

/// The most bytes of the sentence beside an end state.
pub const MAX_WHY: usize = 1024;

/// Defines an enum whose values are words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $what:literal, $($(#[$doc:meta])* $variant:ident = $word:literal,)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of lists for people.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// Returns the word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        worded!($name, $what);
    };
}

/// Gives a type with `ALL` and `word` its text forms.
macro_rules! worded {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownState;

            fn from_str(text: &str) -> Result<Self, UnknownState> {
                Self::ALL.into_iter().find(|value| value.word() == text).ok_or_else(|| {
                    let words: Vec<&str> = Self::ALL.iter().map(|value| value.word()).collect();
                    UnknownState { what: $what, words: words.join(", ") }
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

/// A text that is no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownState {
    what: &'static str,
    words: String,
}

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no such {}; there are {}", self.what, self.words)
    }
}

impl std::error::Error for UnknownState {}

words! {
    /// How a target ended. The set is closed: each target of each run ends in one of these.
    EndState, "end state",
    /// The host did it; a command ended with the exit status 0.
    Succeeded = "succeeded",
    /// The host tried, and it failed: the code is the exit status or the agent's retcode.
    Failed = "failed",
    /// The command took longer than its timeout and was killed.
    TimedOut = "timed_out",
    /// The host's policy, the host's standing or the operator's roles do not allow it.
    Refused = "refused",
    /// The host cannot do it as it is asked: no such method, user or parameter.
    Invalid = "invalid",
    /// No host accepted it before `not_after`.
    Expired = "expired",
    /// Nothing started: the run was canceled or stopped before.
    CanceledBeforeStart = "canceled_before_start",
    /// The command was killed because somebody canceled it.
    Canceled = "canceled",
    /// The outcome is unknown: the host went down during it, or never came back.
    Interrupted = "interrupted",
    /// An operator removed the host.
    Removed = "removed",
}

/// Where a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetState {
    /// Its stage or its place has not come.
    Waiting,
    /// Its turn has come, and its host is offline or has no room.
    Queued,
    /// The request is sent, or is about to be; the host has not answered.
    Sent,
    /// The host has accepted the command.
    Running,
    /// It has ended.
    Ended(EndState),
}

impl TargetState {
    /// Every state, in the order of lists for people.
    pub const ALL: [Self; 4 + EndState::ALL.len()] = {
        let mut all = [Self::Waiting; 4 + EndState::ALL.len()];
        all[1] = Self::Queued;
        all[2] = Self::Sent;
        all[3] = Self::Running;
        let mut end = 0;
        while end < EndState::ALL.len() {
            all[4 + end] = Self::Ended(EndState::ALL[end]);
            end += 1;
        }
        all
    };

    /// Returns the word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Running => "running",
            Self::Ended(end) => end.word(),
        }
    }

    /// Returns the end state, if it has ended.
    pub const fn end(self) -> Option<EndState> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Waiting | Self::Queued | Self::Sent | Self::Running => None,
        }
    }

    /// Returns whether the host may be busy with it: it counts for concurrency and budgets.
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::Sent | Self::Running)
    }

    /// Returns its place in [`TargetState::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Waiting => 0,
            Self::Queued => 1,
            Self::Sent => 2,
            Self::Running => 3,
            Self::Ended(end) => 4 + end as usize,
        }
    }
}

worded!(TargetState, "target state");

words! {
    /// Where a run stands.
    RunState, "run state",
    /// It is a plan that nobody has applied.
    Planned = "planned",
    /// It goes through its targets.
    Running = "running",
    /// Nothing more is sent; commands on hosts end.
    Stopping = "stopping",
    /// Every target has ended, or the plan was never applied.
    Ended = "ended",
}

words! {
    /// Why a run ends.
    RunEnd, "end of a run",
    /// It went through all of its targets.
    Completed = "completed",
    /// Too many failures.
    Stopped = "stopped",
    /// An operator canceled it.
    Canceled = "canceled",
    /// Nobody applied the plan in time.
    Expired = "expired",
}

/// How a target ended, and why.
///
/// The end that a task's result tells is final. Any other end of a command is what the controller
/// could find out without it; if the result arrives after all, it replaces that end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The state.
    pub state: EndState,
    /// The exit status or retcode, where the host told one.
    pub code: Option<u16>,
    /// A sentence for the operator who asks why the host did not do it.
    pub why: Option<Box<str>>,
}

impl EndState {
    /// Returns whether it counts as a failure, if the host was asked.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::TimedOut | Self::Refused | Self::Invalid | Self::Interrupted => {
                true
            }
            Self::Succeeded
            | Self::Expired
            | Self::CanceledBeforeStart
            | Self::Canceled
            | Self::Removed => false,
        }
    }
}

impl End {
    /// Returns an end without code and sentence.
    pub const fn new(state: EndState) -> Self {
        Self { state, code: None, why: None }
    }

    /// Returns an end with a sentence, cut to [`MAX_WHY`] bytes.
    pub fn because(state: EndState, why: impl AsRef<str>) -> Self {
        Self { state, code: None, why: Some(cut(why.as_ref()).into()) }
    }

    /// Returns the same with the code that the host told.
    #[must_use]
    pub fn with_code(mut self, code: u16) -> Self {
        self.code = Some(code);
        self
    }
}

/// Cuts a sentence to [`MAX_WHY`] bytes, between characters.
pub(super) fn cut(why: &str) -> &str {
    let mut end = why.len().min(MAX_WHY);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    &why[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_reads_its_own_word_and_has_its_own_place() {
        for (place, state) in TargetState::ALL.into_iter().enumerate() {
            assert_eq!(state.word().parse(), Ok(state));
            assert_eq!(state.index(), place);
        }
        for state in RunState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        let error = "gone".parse::<RunEnd>().unwrap_err().to_string();
        assert!(error.ends_with("there are completed, stopped, canceled, expired"), "{error}");
    }

    #[test]
    fn a_long_sentence_is_cut_between_characters() {
        let end = End::because(EndState::Refused, "é".repeat(MAX_WHY));
        assert_eq!(end.why.unwrap().len(), MAX_WHY);
        let end = End::because(EndState::Refused, format!("x{}", "é".repeat(MAX_WHY)));
        assert_eq!(end.why.unwrap().len(), MAX_WHY - 1);
    }
}
