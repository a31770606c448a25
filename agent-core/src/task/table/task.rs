//! One task in the table.

use crate::task::record::{Begun, Command, Due, Ended, Kept, Shape};
use agent_wire::message::Bash;
use std::sync::Arc;

/// One task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) n: u64,
    pub(crate) id: Arc<str>,
    pub(crate) accepted: u64,
    pub(crate) digest: String,
    pub(crate) shape: Shape,
    /// It was asked to end when its turn had come.
    pub(crate) cancelled: bool,
    pub(crate) state: State,
    /// The job whose run it is.
    pub(crate) cron: Option<Box<Due>>,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Waiting(Command),
    Running(Begun),
    Ended {
        ended: Arc<Ended>,
        /// Its place among the ends: the order in which results are delivered.
        order: u64,
        acked: bool,
    },
}

impl Task {
    /// Bytes of its output on disk, once it has ended.
    pub(crate) fn stored(&self) -> u64 {
        match &self.state {
            State::Ended { ended, acked: false, .. } => stored(ended),
            State::Ended { .. } | State::Waiting(_) | State::Running(_) => 0,
        }
    }

    /// Whether there may be files of its output: not once its result was taken, nor where it has printed nothing and
    /// that is known.
    pub(crate) fn may_have_files(&self) -> bool {
        match &self.state {
            State::Ended { acked: true, .. } => false,
            State::Ended { ended, .. } => {
                ended.took.is_none() || ended.stdout.is_some() || ended.stderr.is_some()
            }
            State::Waiting(_) | State::Running(_) => true,
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }
}

/// Bytes of memory that a waiting command takes, near enough to keep a bound by.
pub(crate) fn size_of_command(bash: &Bash) -> usize {
    let env: usize = bash.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    size_of::<Bash>() + bash.cmd.len() + env + bash.stdin.as_ref().map_or(0, String::len)
}

pub(super) fn stored(ended: &Ended) -> u64 {
    let of = |kept: &Option<Kept>| kept.as_ref().map_or(0, |kept| kept.stored);
    of(&ended.stdout) + of(&ended.stderr)
}
