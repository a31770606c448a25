//! The agent's system calls that need `unsafe`: starting a command as a user, ending its tree,
//! looking up accounts. No other part of the agent contains unsafe code.
//!
//! A command starts through `exec` in the agent → [`zygote`] (→ [`keeper`], without a cgroup) →
//! the steps between clone and exec; the agent learns of its end by a [`pidfd`]. A task starts
//! through [`zygote`] → [`supervisor`]; its end is in its [`slot`], its output in its [`spool`]s.
//! [`ending`] decides how either tree is ended, [`end`] has the words for the result.

pub mod accounts;
pub mod cgroup;
mod child;
pub mod daemon;
mod descendants;
pub mod end;
pub mod ending;
pub mod file_id;
pub mod keeper;
pub mod kernel;
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
pub mod tcp;
pub mod zygote;

pub use child::{FailureReport, Stage, StartFailure};
pub use launch::{Files, Holder, Identity, Launch, Supervision, file_of};
