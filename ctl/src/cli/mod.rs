//! The command line: its flags and the action that they describe.
//!
//! `flags` is the top level; `target` chooses plugins, controller and host; `command`, `task` and
//! `cron` are the flags of `exec`, `task` and `cron`; `number` parses numbers; `help` trims the
//! help; `action` is the result.

mod action;
mod command;
mod cron;
mod flags;
mod help;
mod number;
mod target;
mod task;

pub(crate) use action::{Action, Remote};
pub(crate) use command::{Command, Exec};
pub(crate) use cron::{
    Cron, CronCheck, CronExplain, CronHistory, CronJob, CronList, CronNext, CronSet, CronWhen,
};
pub(crate) use flags::Cli;
pub(crate) use task::{About, Output, Submit, Task, TaskList, TaskResult};
