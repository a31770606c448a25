//! Runs on their way: one driver for all that are active.
//!
//! The rules are those of `fleet::run::Rollout`, one for each active run; the rows in the store are
//! the truth. The [`driver`] tells each rollout what happens (hosts that come and go, results that
//! are on disk, replies, runs that are applied or canceled) and passes on what it decides to the
//! `committer`, which writes the rows first and only then sends: so a crash loses no target and
//! starts none twice. A `dispatch` judges each host and the operator's roles again before it sends.
//! `load` makes a rollout of rows; `signed` is what proves to a host that it is in a signed plan.
//!
//! A controller that stops leaves its runs as they are; the next one goes on with them.

mod active;
mod committer;
mod dispatch;
mod driver;
mod gauges;
mod handle;
mod load;
mod signed;

pub(crate) use driver::{Driver, Parts};
pub(crate) use handle::Handle;

/// Active runs.
pub(crate) const MAX_ACTIVE_RUNS: usize = 256;

/// Targets of active runs.
pub(crate) const MAX_ACTIVE_TARGETS: usize = 1_000_000;
