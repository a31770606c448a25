//! BasicAgentCtl: queries this machine's plugins and agent, or other machines through their
//! controller.
//!
//! `cli` parses the flags. `local` calls a plugin in this process; `plugin` is the kit for plugin
//! authors, whose probe runs plugins in processes of their own, for `list` too. `client` sends
//! requests to the controller for `query`, `exec`, `stream` and `hosts`; `agent` sends them there
//! or over `socket` to this machine's agent, for `task`, `cron` and `status`. `outcome`, `table`,
//! `clock` and `output` print; `suggest` guesses what a typo meant; `exit` has the exit statuses.

mod agent;
mod cli;
mod client;
mod clock;
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
mod status;
mod stream;
mod suggest;
mod table;
mod task;

use agent::Agent;
use cli::{Action, Cli};
use std::process::ExitCode;

/// Runs the command line. `exit` documents the exit status.
pub fn main() -> ExitCode {
    let action = Cli::from_env().into_action();
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
        Action::Status { at, json, remote } => {
            status::run(&Agent::new(remote.as_ref(), at.socket.as_deref()), *json)
        }
        Action::Task { task, remote } => task::run(task, remote.as_ref()),
        Action::Cron { cron, remote } => cron::run(cron, remote.as_ref()),
    };
    done.unwrap_or_else(|error| {
        output::error(&error.chain());
        exit::status(&error, action.exits_as_a_command())
    })
}
