//! One command at a time: account, limits, output, deadline.
//!
//! `dispatch` gives an [`Executor`] a [`Spec`] and gets an [`Outcome`]: how the command ended and
//! the bounded output. The executor owns every process from its start to its reaping. It refuses
//! what cannot run, what nobody has room for, and everything after shutdown.
//!
//! The agent itself never forks: a small process, the zygote, clones each command for it. A
//! command's processes are held together by a cgroup, or by a keeper process where there is none,
//! so that a time-out leaves none behind.

mod admission;
mod cgroups;
mod command;
mod error;
mod executor;
mod platform;
mod task;
mod zygote;

pub use crate::config::{DefaultGroup, ExecSettings};
pub use agent_sys::end::{End, Usage};
pub use cgroups::limits::Limits;
pub(crate) use command::account::AccountName;
pub use command::capture::Captured;
pub(crate) use command::capture::unfinished;
pub use command::outcome::Outcome;
pub use command::sink::{MAX_PIECE, Piece};
pub use command::spec::{MAX_CMD, MAX_ENV, MAX_OUTPUT, MAX_STDIN, Spec};
pub use error::{FailedStep, StartError};
pub use executor::Executor;
pub use platform::{Platform, Trees};
pub use task::{Lodging, Prepared, kill_leaf};
pub use zygote::entry::{ZYGOTE_FLAG, zygote_main};
