//! One task in the table.

use crate::task::record::{Begun, Command, Digests, Ended, JobRun, Shape, StoredStream};
use agent_wire::message::Bash;
use std::sync::Arc;

/// One task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) n: u64,
    pub(crate) id: Arc<str>,
    pub(crate) accepted: u64,
    pub(crate) digests: Digests,
    pub(crate) shape: Shape,
    /// Whether it was cancelled after it had its turn.
    pub(crate) cancelled: bool,
    pub(crate) phase: Phase,
    /// The job's run that it is.
    pub(crate) run: Option<Box<JobRun>>,
}

/// How far a task is.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// It waits for its turn.
    Waiting(Command),
    /// Its intent is durable.
    Running(Begun),
    /// It has a result.
    Ended {
        ended: Arc<Ended>,
        /// Its place among the ends: results are delivered in this order.
        order: u64,
        acked: bool,
    },
}

impl Task {
    /// Returns the bytes of output that an ended task has on disk.
    pub(crate) fn stored(&self) -> u64 {
        match &self.phase {
            Phase::Ended { ended, acked: false, .. } => stored(ended),
            Phase::Ended { .. } | Phase::Waiting(_) | Phase::Running(_) => 0,
        }
    }

    /// Returns whether there may be files of its output: not once the result is acknowledged, nor
    /// where it is known that the task printed nothing.
    pub(crate) fn may_have_files(&self) -> bool {
        match &self.phase {
            Phase::Ended { acked: true, .. } => false,
            Phase::Ended { ended, .. } => {
                ended.usage.is_none() || ended.stdout.is_some() || ended.stderr.is_some()
            }
            Phase::Waiting(_) | Phase::Running(_) => true,
        }
    }

    /// Returns whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}

/// Estimates the bytes of memory that a waiting command takes, well enough to enforce a bound.
pub(crate) fn size_of_command(bash: &Bash) -> usize {
    let env: usize = bash.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    size_of::<Bash>() + bash.cmd.len() + env + bash.stdin.as_ref().map_or(0, String::len)
}

/// Returns the bytes of output that a task left on disk.
pub(super) fn stored(ended: &Ended) -> u64 {
    let of = |stream: &Option<StoredStream>| stream.as_ref().map_or(0, |stream| stream.stored);
    of(&ended.stdout) + of(&ended.stderr)
}
