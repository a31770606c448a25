//! The supervisor: one small process above one task, which outlives the agent.
//!
//! Cloned by the zygote, in a session of its own. It owns all that the task needs until its end:
//! the pipes, the bounded output files, the time-out, the ending of the tree, and the record in the
//! task's slot. It takes one order, SIGTERM: cancel. It says nothing to anybody; the agent, this
//! one or a later one, learns of it by the slot, whose lock it holds as long as it lives.
//!
//! It is a subreaper: all that its command leaves orphaned becomes its child. So nothing is left of
//! the tree once there is no child left, in a cgroup or without. A command that ends by itself
//! leaves its background children alone.

mod command;
mod output;
mod run;
mod tree;
mod wake;
mod watch;

pub(crate) use run::supervise;
pub use run::{NAME, find};
