//! BasicAgentCtl: queries this machine's plugins and agent, or other machines through their
//! controller.
//!
//! `cli` parses the flags. `local` calls a plugin in this process; `plugin` is the kit for plugin
//! authors, whose probe runs plugins in processes of their own, for `list` too. `client` sends
//! requests to the controller for `query`, `exec`, `stream` and `control`, whose subcommands manage
//! what a controller keeps; `run` plans and follows a request to many hosts; `context` keeps the controllers that a person has logged in to. `agent`
//! sends requests there or over `socket` to this machine's agent, for `task`, `cron` and `status`.
//! `outcome`, `print`, `clock` and `output` print; `terminal` makes texts of others harmless and
//! asks questions; `suggest` guesses what a typo meant; `exit` has the exit statuses.
//! `complete` serves the completions of shells.

mod agent;
mod cli;
mod client;
mod clock;
mod command;
mod complete;
mod context;
mod control;
mod cron;
mod error;
mod exec;
mod exit;
mod list;
mod local;
mod outcome;
mod output;
mod plugin;
mod print;
mod query;
mod run;
mod socket;
mod status;
mod stream;
mod suggest;
mod task;
mod terminal;

use agent::Agent;
use cli::{Action, Cli, Contexts};
use std::process::ExitCode;

/// Returns the flags, as the help shows them, for the manual pages and the completions.
#[doc(hidden)]
pub fn command() -> clap::Command {
    Cli::described()
}

/// Runs the command line. `exit` documents the exit status.
pub fn main() -> ExitCode {
    if plugin::is_child() {
        return plugin::child();
    }
    let action = Cli::from_env().into_action();
    let done = match &action {
        Action::Local { dirs, method, args } => local::run(dirs, method, args),
        Action::Query { remote, method, args } => query::run(remote, method, args.as_deref()),
        Action::List { dirs, json } => list::run(dirs, *json),
        Action::New(new) => plugin::new(new),
        Action::Check(check) => plugin::check(check),
        Action::Describe { dirs, method, json } => plugin::describe(dirs, method, *json),
        Action::Login(login) => context::login(login),
        Action::Logout(logout) => context::logout(logout),
        Action::Setup(setup) => context::setup(setup),
        Action::Contexts(Contexts::List(format)) => context::list(format),
        Action::Contexts(Contexts::Use(name)) => context::use_one(name),
        Action::Contexts(Contexts::Remove(name)) => context::remove(name),
        Action::Fleet { controller, fleet } => control::run(controller, fleet),
        Action::Exec { remote, exec } => exec::run(remote, exec),
        Action::ExecCheck { remote, exec } => exec::check(remote.as_ref(), exec),
        Action::Status { at, json, remote } => {
            status::run(&Agent::new(remote.as_ref(), at.socket.as_deref()), *json)
        }
        Action::Task { task, remote } => task::run(task, remote.as_ref()),
        Action::Complete(words) => complete::run(words),
        Action::Cron { cron, remote } => cron::run(cron, remote.as_ref()),
    };
    done.unwrap_or_else(|error| {
        output::error(&error.chain());
        exit::status(&error, action.exits_as_a_command())
    })
}
