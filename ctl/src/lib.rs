//! BasicAgentCtl: queries this machine's plugins and agent, or other machines through their
//! controller.
//!
//! `cli` parses the flags. `local` and `list` load plugins into this process; `plugin` is the kit
//! for plugin authors. `client` sends requests to the controller for `query`, `exec`, `stream`,
//! `task` and `hosts`; `socket` sends requests to this machine's agent for `cron`. `outcome`,
//! `table` and `output` print; `exit` has the exit statuses.

mod cli;
mod client;
mod command;
mod cron;
mod error;
mod exec;
mod exit;
mod hosts;
mod list;
mod local;
mod outcome;
mod output;
mod plugin;
mod query;
mod socket;
mod stream;
mod table;
mod task;

use clap::Parser as _;
use cli::{Action, Cli};
use std::process::ExitCode;

/// Runs the command line. `exit` documents the exit status.
pub fn main() -> ExitCode {
    let action = Cli::parse().into_action();
    let done = match &action {
        Action::Local { dirs, method, args } => local::run(dirs, method, args),
        Action::Query { remote, method, args } => query::run(remote, method, args.as_deref()),
        Action::List { dirs, json } => list::run(dirs, *json),
        Action::New(new) => plugin::new(new),
        Action::Check(check) => plugin::check(check),
        Action::Describe { dirs, method, json } => plugin::describe(dirs, method, *json),
        Action::Probe => Ok(plugin::child()),
        Action::Hosts { controller, json } => hosts::run(controller, *json),
        Action::Exec { remote, exec } => exec::run(remote, exec),
        Action::Task { remote, task } => task::run(remote, task),
        Action::Cron { cron, remote } => cron::run(cron, remote.as_ref()),
    };
    done.unwrap_or_else(|error| {
        output::error(&error.chain());
        exit::status(&error, action.exits_as_a_command())
    })
}
