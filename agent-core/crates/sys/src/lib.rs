//! The agent's system calls that need `unsafe`: starting a command as a user, ending its tree,
//! accounts. Nothing else of the agent may hold any.
//!
//! A command's way: `exec` in the agent → [`zygote`] (→ [`keeper`], where there is no cgroup) →
//! the steps between clone and exec → the command. Its end comes back by [`pidfd`].

pub mod accounts;
mod child;
pub mod daemon;
mod descendants;
pub mod keeper;
mod launch;
pub mod memory;
pub mod packet;
pub mod pidfd;
pub mod readiness;
pub mod running;
pub mod zygote;

pub use child::{Failure, Stage};
pub use launch::{Files, Holder, Identity, Launch, file_of};
