//! The host agent: `link → dispatch → {exec, plugin, task, schedule} → reply → link`; `local`
//! serves this host's own root in the same way.
//!
//! The two binaries only call [`daemon::main`] and [`boot::main`]. Only `dispatch` replies to
//! requests, and only `plugin` starts plugin workers.

mod audit;
pub mod boot;
mod caller;
mod cli;
mod clock;
mod config;
pub mod daemon;
mod dispatch;
mod durable;
mod enroll;
#[doc(hidden)]
pub mod exec;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod inotify;
mod link;
mod local;
mod logging;
mod named_file;
mod plugin;
mod policy;
mod schedule;
mod session;
mod shutdown;
mod task;
mod trust;
