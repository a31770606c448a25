//! The command line as a whole, and the action that it describes.

use super::sub::Sub;
use super::target::{Conflict, Target};
use super::{Action, help};
use crate::exit;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use std::ffi::OsString;

/// Queries this machine, or other machines through their controller.
///
/// Without --host, -c loads the method's plugin into this process and prints its data as JSON.
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

impl Cli {
    /// Parses the command line. Prints the help, or what is wrong, and exits, where it says so.
    pub(crate) fn from_env() -> Self {
        Self::read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Returns the flags as the help shows them.
    pub(crate) fn described() -> clap::Command {
        help::trimmed(Self::command())
    }

    fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> clap::error::Result<Self> {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        // Only the help shows what is hidden where; a call that needs none skips that work.
        match Self::command().try_get_matches_from(&words) {
            Ok(matches) => Self::from_arg_matches(&matches),
            Err(_) => {
                let matches = Self::described().try_get_matches_from(&words)?;
                Self::from_arg_matches(&matches)
            }
        }
    }

    /// Returns the action. If the flags conflict, prints why and exits with status 2.
    pub(crate) fn into_action(self) -> Action {
        self.action().unwrap_or_else(|conflict| {
            Self::command().error(ErrorKind::ArgumentConflict, conflict).exit()
        })
    }

    fn action(self) -> Result<Action, Conflict> {
        let target = self.target;
        target.check(self.subcommand.as_ref().is_some_and(Sub::takes_a_url))?;
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
        sub.action(target)
    }
}

#[cfg(test)]
mod tests;
