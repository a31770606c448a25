//! One command at a time: account, limits, output, deadline.
//!
//! `dispatch` gives an [`Executor`] a [`Spec`] and gets an [`Outcome`]: how the command ended and
//! the bounded output. The executor owns every process from its start to its reaping. It refuses
//! what cannot run, what nobody has room for, and everything after shutdown.
//!
//! The agent itself never forks: a small process, the zygote, clones each command for it. A
//! command's processes are held together by a cgroup, or by a keeper process where there is none,
//! so that a time-out leaves none behind.

mod account;
mod admission;
mod capture;
mod cgroup;
mod controllers;
mod environment;
mod executor;
mod job;
mod leaves;
mod limits;
mod outcome;
mod pool;
mod process;
mod program;
mod settings;
mod sink;
mod spawner;
mod spec;
mod streams;
mod supervised;
mod zygote;

pub(crate) use account::Called;
pub use capture::Captured;
pub(crate) use capture::unfinished;
pub use executor::Executor;
pub use limits::Limits;
pub use outcome::{End, Outcome, Usage};
pub use settings::{DefaultGroup, Platform, Settings, Trees};
pub use sink::{MAX_PIECE, Piece};
pub use spec::{MAX_CMD, MAX_ENV, MAX_OUTPUT, MAX_STDIN, Spec};
pub use supervised::{Lodging, Prepared, kill_leaf};
pub use zygote::{ZYGOTE_FLAG, zygote_main};
