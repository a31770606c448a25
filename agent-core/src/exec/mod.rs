//! Runs commands and starts tasks: accounts, limits, output, time-outs.
//!
//! `dispatch` gives an [`Executor`] a [`Spec`] and gets an [`Outcome`]: how the command ended, and
//! its bounded output. The executor owns every process of a command from its start to its reaping.
//! It rejects a command that cannot run, a command beyond its bounds, and every command after
//! shutdown.
//!
//! The agent itself never forks: a small process, the `zygote`, clones each `command` for it. A
//! cgroup (`cgroups`), or a keeper process where there is none, holds the processes of a command
//! together, so that a time-out leaves none behind. A `task` has a supervisor process and
//! outlives the agent.

mod admission;
mod cgroups;
mod command;
mod descriptors;
mod dry_run;
mod error;
mod executor;
mod platform;
mod task;
mod zygote;

pub use crate::config::{DefaultGroup, ExecSettings};
pub use agent_sys::end::{CommandEnd, Usage};
pub use cgroups::limits::Limits;
pub(crate) use command::account::AccountName;
pub use command::capture::Captured;
pub(crate) use command::capture::{continuation, unfinished};
pub use command::outcome::Outcome;
pub use command::sink::{MAX_PIECE, OutputPiece};
pub use command::spec::{MAX_CMD, MAX_ENV, MAX_STDIN, Spec};
pub(crate) use descriptors::Descriptors;
pub use error::{FailedStep, StartError};
pub use executor::Executor;
pub use platform::{Platform, Trees};
pub use task::{Lodging, Prepared, kill_leaf};
pub use zygote::entry::{ZYGOTE_FLAG, zygote_main};
