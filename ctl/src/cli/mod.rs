//! The flags, and the one action that they ask for.
//!
//! `flags` reads the command line; `command`, `task` and `cron` have the flags of `exec`, `task` and `cron`; `action` is what
//! they come to.

mod action;
mod command;
mod cron;
mod flags;
mod task;

pub(crate) use action::{Action, Remote};
pub(crate) use command::{Command, Exec};
pub(crate) use cron::{
    Cron, CronCheck, CronExplain, CronHistory, CronJob, CronList, CronNext, CronSet, CronWhen,
};
pub(crate) use flags::Cli;
pub(crate) use task::{About, Output, Submit, Task, TaskResult};
