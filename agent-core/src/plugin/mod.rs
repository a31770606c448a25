//! Plugins and the processes that host them. Only `dispatch` calls [`Plugins`].
//!
//! A plugin runs in a process of its own ([`worker`]), so its crash, hang or leak costs one call.
//! [`Plugins`] keeps a [`lane`] for each plugin in use; a lane keeps at most one [`process`] and
//! makes one call at a time. The [`launcher`] starts a worker at the first call; the lane replaces
//! it when the plugin's file changes and ends it when it has been idle; after that nothing wakes
//! up. A plugin that keeps crashing is [quarantined](quarantine) for a while.

mod channel;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod lane;
mod launcher;
mod message;
mod output;
mod plugins;
mod process;
mod quarantine;
mod worker;

pub(crate) use error::Error;
pub(crate) use plugins::Plugins;
pub(crate) use worker::{WORKER_FLAG, worker_main};
