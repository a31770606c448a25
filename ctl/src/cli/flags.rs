//! The command line as a whole, and the action that it describes.

use super::target::{At, Conflict, Target};
use super::{Action, Cron, Exec, Task, cron, help, task};
use crate::exit;
use crate::plugin::{Check, New, probe};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::ffi::OsString;

/// Queries this machine, or other machines through their controller.
///
/// Without --controller, -c loads the method's plugin into this process and prints its data as
/// JSON.
#[derive(Debug, Parser)]
#[command(name = "BasicAgentCtl", version, after_help = exit::HELP, max_term_width = 100)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The method to call: getinfo.kernel, getinfo.users, …
    #[arg(short = 'c', value_name = "METHOD")]
    command: Option<String>,

    /// The method's arguments, as one string: -a "-U root"; -a "-h" prints the method's help
    #[arg(short = 'a', value_name = "ARGUMENTS", allow_hyphen_values = true, requires = "command")]
    arguments: Option<String>,

    #[command(flatten)]
    target: Target,

    #[command(subcommand)]
    subcommand: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// List the methods of this machine's plugins
    List {
        /// Print the plugins' whole descriptions as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a plugin's arguments and the fields of its reply
    Describe {
        /// The plugin's method; the prefix getinfo. is optional
        method: String,
        /// Print the plugin's whole description as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a plugin to start from: a crate, or a C file
    New(New),
    /// Check whether a plugin is ready to ship, and list its faults
    #[command(after_help = exit::HELP)]
    Check(Check),
    #[command(name = probe::WORD, hide = true)]
    Probe,
    /// List the hosts that are connected to the controller
    Hosts {
        /// Print the controller's own JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command on the host and exit with its status
    #[command(after_help = exit::HELP)]
    Exec(Exec),
    /// Show an agent's version, identity, tasks and jobs: this machine's, or with --controller and
    /// --host another's
    #[command(after_help = exit::HELP)]
    Status {
        /// Print the agent's own JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: At,
    },
    /// Background tasks of an agent, and their results
    #[command(subcommand, after_help = task::HELP)]
    Task(Task),
    /// Schedules, their next times and their meaning, and an agent's scheduled jobs
    #[command(subcommand, after_help = cron::HELP)]
    Cron(Cron),
}

impl Cli {
    /// Parses the command line. Prints the help, or what is wrong, and exits, where it says so.
    pub(crate) fn from_env() -> Self {
        Self::read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> clap::error::Result<Self> {
        let matches = help::trimmed(Self::command()).try_get_matches_from(words)?;
        Self::from_arg_matches(&matches)
    }

    /// Returns the action. If the flags conflict, prints why and exits with status 2.
    pub(crate) fn into_action(self) -> Action {
        self.action().unwrap_or_else(|conflict| {
            Self::command().error(ErrorKind::ArgumentConflict, conflict).exit()
        })
    }

    fn action(self) -> Result<Action, Conflict> {
        let target = self.target;
        target.check()?;
        let sub = match (self.subcommand, self.command) {
            (Some(_), Some(_)) => return Err(Conflict("-c cannot be combined with a subcommand")),
            (None, None) => return Err(Conflict("-c METHOD or a subcommand is required")),
            (None, Some(method)) if target.is_local() => {
                let args = self.arguments.unwrap_or_default();
                return Ok(Action::Local { dirs: target.plugin_dirs()?, method, args });
            }
            (None, Some(method)) => {
                return Ok(Action::Query {
                    remote: target.remote()?,
                    method,
                    args: self.arguments,
                });
            }
            (Some(sub), None) => sub,
        };
        Ok(match sub {
            Sub::List { json } => Action::List { dirs: target.plugin_dirs()?, json },
            Sub::Describe { method, json } => {
                Action::Describe { dirs: target.plugin_dirs()?, method, json }
            }
            Sub::New(new) => {
                target.plugin_dirs()?;
                Action::New(new)
            }
            Sub::Check(check) => {
                target.plugin_dirs()?;
                Action::Check(check)
            }
            Sub::Probe => Action::Probe,
            Sub::Hosts { json } => Action::Hosts { controller: target.controller()?, json },
            Sub::Exec(exec) => Action::Exec { remote: target.remote()?, exec },
            Sub::Status { json, at } => {
                let remote = target.agent(&at)?;
                Action::Status { at, json, remote }
            }
            Sub::Task(task) => {
                let remote = target.agent(task.at())?;
                Action::Task { task, remote }
            }
            Sub::Cron(cron) => {
                let remote = cron.remote(target)?;
                Action::Cron { cron, remote }
            }
        })
    }
}

#[cfg(test)]
mod tests;
