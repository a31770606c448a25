//! The host agent: `link → dispatch → {exec, plugin} → reply → link`; `local` is a link of this host's own root.
//!
//! The two binaries are a few lines each; everything they do is here. Only `dispatch` replies,
//! only `exec` starts commands, only `plugin` starts workers.

mod audit;
pub mod boot;
mod caller;
mod cli;
mod clock;
mod config;
pub mod daemon;
mod dispatch;
#[doc(hidden)]
pub mod exec;
mod identity;
mod link;
mod local;
mod logging;
mod plugin;
mod policy;
mod schedule;
mod session;
mod shutdown;
mod task;
