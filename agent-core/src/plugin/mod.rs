//! Plugin worker processes and the calls to them. `dispatch` calls [`Plugins`]; nothing else does.
//!
//! A plugin runs in a process of its own ([`worker`]), so that its crash, hang or leak costs one
//! call. The daemon's side: [`Plugins`] keeps a [`lane`] for each plugin in use, a lane keeps at most
//! one [`process`] and makes one call at a time. A worker is started by the first call, replaced when
//! its file changes, and ended when it has been idle; after that nothing wakes up. One that keeps crashing is in
//! [`quarantine`] for a while.

mod frame;
mod lane;
mod output;
mod plugins;
mod process;
mod quarantine;
mod worker;

pub(crate) use plugins::Plugins;
pub(crate) use worker::{WORKER_FLAG, worker_main};
