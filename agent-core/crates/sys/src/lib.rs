//! The agent's system calls that need `unsafe`: starting a command as a user, ending its tree,
//! accounts. Nothing else of the agent may hold any.
//!
//! A command's way: `exec` in the agent → [`zygote`] (→ [`keeper`], where there is no cgroup) →
//! the steps between clone and exec → the command. Its end comes back by [`pidfd`]. A task's way:
//! → [`zygote`] → [`supervisor`] → the command; its end comes back by its [`slot`], its output by
//! its [`spool`]s.

pub mod accounts;
pub mod cgroup;
mod child;
pub mod daemon;
mod descendants;
pub mod end;
pub mod ending;
pub mod keeper;
mod launch;
pub mod memory;
pub mod packet;
pub mod pidfd;
mod priority;
pub mod readiness;
pub mod running;
pub mod slot;
pub mod spool;
pub mod supervisor;
pub mod zygote;

pub use child::{FailureReport, Stage, StartFailure};
pub use launch::{Files, Holder, Identity, Launch, Supervision, file_of};
