//! The flags, and the one action that they ask for.
//!
//! `flags` reads the command line; `command` and `task` have the flags of `exec` and `task`; `action` is what
//! they come to.

mod action;
mod command;
mod flags;
mod task;

pub(crate) use action::Action;
pub(crate) use command::{Command, Exec};
pub(crate) use flags::Cli;
pub(crate) use task::{About, Output, Submit, Task, TaskResult};
