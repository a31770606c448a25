//! The supervisor: one small process above one task, which outlives the agent.
//!
//! The zygote clones it into a session of its own. It owns everything the task needs until its end:
//! the pipes, the bounded output files, the time-out, the ending of the tree, and the record in the
//! task's slot. It accepts one order: SIGTERM cancels the task. It sends no messages; the agent,
//! this one or a later one, follows it by the slot, whose lock it holds as long as it lives.
//!
//! It is a subreaper: every process that its command leaves orphaned becomes its child. So the tree
//! is gone once the supervisor has no child left, with a cgroup or without. When a command ends by
//! itself, its background children live on.

mod command;
mod output;
mod run;
mod tree;
mod wake;
mod watch;

pub(crate) use run::supervise;
pub use run::{NAME, find};
