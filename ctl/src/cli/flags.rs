//! The command line as a whole, and which flags go together.

use super::{Action, Cron, Exec, Remote, Task, cron};
use crate::client::Controller;
use crate::exit;
use crate::plugin::{Check, New, probe};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::path::PathBuf;

/// Where plugins are looked for, in this order.
const PLUGIN_DIRS: [&str; 2] = ["/usr/local/lib/basicagent/plugins", "/usr/lib/basicagent/plugins"];

/// Asks this machine, or others through their controller.
///
/// Without --controller, -c loads the method's plugin into this process and prints its data as JSON.
#[derive(Debug, Parser)]
#[command(name = "BasicAgentCtl", version, after_help = exit::HELP, max_term_width = 100)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The method to call: getinfo.kernel, getinfo.users, …
    #[arg(short = 'c', value_name = "METHOD")]
    command: Option<String>,

    /// Its arguments, as one string: -a "-U root"; -a "-h" explains them
    #[arg(short = 'a', value_name = "ARGUMENTS", allow_hyphen_values = true, requires = "command")]
    arguments: Option<String>,

    /// Look for plugins here instead of the usual folders; repeatable
    #[arg(long, value_name = "DIR", global = true)]
    plugin_dir: Vec<PathBuf>,

    /// Ask through the controller whose API is at URL (http, loopback only)
    #[arg(long, value_name = "URL", global = true)]
    controller: Option<String>,

    /// With --controller: the host to ask
    #[arg(long, value_name = "ID", global = true)]
    host: Option<String>,

    /// With --controller: the file that holds the API's token (else the variable BASICAGENT_TOKEN)
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,

    #[command(subcommand)]
    subcommand: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// List the methods that this machine's plugins answer
    List {
        /// Print everything the plugins say of themselves, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a plugin takes and answers, field by field
    Describe {
        /// Its method; getinfo. may be left out
        method: String,
        /// Print everything the plugin says of itself, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a plugin to begin with: a crate, or a file of C
    New(New),
    /// Say whether a plugin is fit to be shipped, and what is wrong with it
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
    /// Run a command on the host and exit as it does
    #[command(after_help = exit::HELP)]
    Exec(Exec),
    /// Commands that a host runs by itself, and their results
    #[command(subcommand, after_help = exit::HELP)]
    Task(Task),
    /// When schedules run, what they mean, and an agent's scheduled jobs
    #[command(subcommand, after_help = cron::HELP)]
    Cron(Cron),
}

impl Cli {
    /// The action; ends the process with status 2 when the flags do not go together.
    pub(crate) fn into_action(self) -> Action {
        self.action().unwrap_or_else(|why| Self::command().error(ErrorKind::ArgumentConflict, why).exit())
    }

    fn action(self) -> Result<Action, &'static str> {
        const HOST: &str = "--host ID is needed";
        const CONTROLLER: &str = "--controller URL is needed";
        let local = self.controller.is_none();
        if local && (self.host.is_some() || self.token_file.is_some()) {
            return Err("--host and --token-file go with --controller URL");
        }
        if !local && !self.plugin_dir.is_empty() {
            return Err("--plugin-dir is about this machine's plugins: it does not go with --controller");
        }
        let controller = self.controller.map(|url| Controller { url, token_file: self.token_file });
        let dirs = || match &self.plugin_dir[..] {
            [] => PLUGIN_DIRS.map(PathBuf::from).to_vec(),
            // A path that can't be made absolute is refused by name later on.
            given => {
                given.iter().map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.clone())).collect()
            }
        };
        match (self.subcommand, self.command) {
            (Some(_), Some(_)) => Err("-c does not go with a subcommand"),
            (None, None) => Err("-c METHOD or a subcommand is needed"),
            (None, Some(method)) => match controller {
                None => Ok(Action::Local { dirs: dirs(), method, args: self.arguments.unwrap_or_default() }),
                Some(controller) => {
                    let host = self.host.ok_or(HOST)?;
                    Ok(Action::Query { controller, host, method, args: self.arguments })
                }
            },
            (Some(Sub::List { json }), None) if local => Ok(Action::List { dirs: dirs(), json }),
            (Some(Sub::List { .. }), None) => {
                Err("list is about this machine; of a host, ask -c agent.methods")
            }
            (Some(Sub::Describe { method, json }), None) if local => {
                Ok(Action::Describe { dirs: dirs(), method, json })
            }
            (Some(Sub::New(new)), None) if local => Ok(Action::New(new)),
            (Some(Sub::Check(check)), None) if local => Ok(Action::Check(check)),
            (Some(Sub::Probe), None) => Ok(Action::Probe),
            (Some(Sub::Describe { .. } | Sub::New(_) | Sub::Check(_)), None) => {
                Err("describe, new and check are about plugins here: they do not go with --controller")
            }
            (Some(Sub::Hosts { json }), None) => {
                Ok(Action::Hosts { controller: controller.ok_or(CONTROLLER)?, json })
            }
            (Some(Sub::Exec(exec)), None) => Ok(Action::Exec {
                controller: controller.ok_or(CONTROLLER)?,
                host: self.host.ok_or(HOST)?,
                exec,
            }),
            (Some(Sub::Cron(cron)), None) if cron.lacks_quotes() => {
                Err("the schedule is one argument: put it in quotes, as \"*/10 * * * *\"")
            }
            (Some(Sub::Cron(cron)), None) => match controller {
                None => Ok(Action::Cron { cron, remote: None }),
                Some(_) if !cron.asks_agent() => {
                    Err("cron next, explain and check read schedules here: they do not go with --controller")
                }
                Some(_) if cron.socket().is_some() => {
                    Err("--socket is about this machine's agent: it does not go with --controller")
                }
                Some(controller) => {
                    let host = self.host.ok_or(HOST)?;
                    Ok(Action::Cron { cron, remote: Some(Remote { controller, host }) })
                }
            },
            (Some(Sub::Task(task)), None) => Ok(Action::Task {
                controller: controller.ok_or(CONTROLLER)?,
                host: self.host.ok_or(HOST)?,
                task,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(line: &[&str]) -> Result<Action, String> {
        let cli =
            Cli::try_parse_from([&["BasicAgentCtl"], line].concat()).map_err(|error| error.to_string())?;
        cli.action().map_err(str::to_owned)
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_that_begin_with_a_dash_are_taken() {
        for (line, wanted) in [
            (&["-c", "getinfo.users", "-a", "-U root"][..], "-U root"),
            (&["-c", "getinfo.users", "-a", "-A"], "-A"),
            (&["-c", "getinfo.users", "-a=-A"], "-A"),
            (&["-c", "getinfo.users", "-a-A"], "-A"),
            (&["-c", "getinfo.users", "-a", "-h"], "-h"),
            (&["-c", "getinfo.users", "-a", "--"], "--"),
            (&["-a", "-S", "-c", "getinfo.users"], "-S"),
            (&["-cgetinfo.users"], ""),
        ] {
            let Ok(Action::Local { method, args, dirs }) = action(line) else { panic!("{line:?}") };
            assert_eq!(
                (method.as_str(), args.as_str(), dirs.len()),
                ("getinfo.users", wanted, 2),
                "{line:?}"
            );
        }
    }

    #[test]
    fn exec_takes_words_behind_its_flags_as_they_are() {
        let flags = ["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--user", "nobody"];
        for (words, wanted) in [
            (&["--", "ls", "-l", "--host"][..], &["ls", "-l", "--host"][..]),
            (&["ls", "-l", "--json"], &["ls", "-l", "--json"]),
            (&["--env", "A=b=c", "--", "--x"], &["--x"]),
            (&["--", "ls | wc -l"], &["ls | wc -l"]),
        ] {
            let found = action(&[&flags, words].concat());
            let Ok(Action::Exec { exec, host, .. }) = found else { panic!("{words:?}: {found:?}") };
            assert_eq!(
                (exec.command.words, host, exec.json),
                (wanted.iter().map(|w| (*w).to_owned()).collect(), "h".to_owned(), false)
            );
        }
    }

    #[test]
    fn task_has_a_subcommand_each_and_only_submit_takes_a_command() {
        let flags = ["--controller", "http://127.0.0.1:1", "--host", "h", "task"];
        for line in [
            &["submit", "--id", "x", "--timeout", "2592000", "--separate-stderr", "--", "ls", "-l"][..],
            &["status", "x", "--json"],
            &["list"],
            &["output", "x", "--follow", "--stderr"],
            &["result", "x", "--wait", "9"],
            &["cancel", "x"],
        ] {
            let found = action(&[&flags, line].concat());
            assert!(matches!(found, Ok(Action::Task { .. })), "{line:?}: {found:?}");
        }
        for line in [
            &[][..],
            &["submit"],
            &["submit", "--id", "", "ls"],
            &["submit", "--timeout", "2592001", "ls"],
            &["status"],
            &["result", "x", "y"],
            &["list", "x"],
        ] {
            assert!(action(&[&flags, line].concat()).is_err(), "{line:?} was taken");
        }
    }

    #[test]
    fn cron_reads_schedules_here_and_asks_one_agent_about_jobs() {
        let remote = ["--controller", "http://127.0.0.1:1", "--host", "h"];
        for (line, asks) in [
            (&["cron", "next", "@daily"][..], false),
            (&["cron", "next", "-", "-n", "9", "--tz", "UTC", "--from", "2026-01-01"], false),
            (&["cron", "explain", "0 0 0 1C * ?", "--calendar", "days"], false),
            (&["cron", "check", "a", "b", "--json"], false),
            (&["cron", "list"], true),
            (&["cron", "set", "n", "@daily", "--missed", "once", "--", "ls", "-l"], true),
            (&["cron", "remove", "n"], true),
            (&["cron", "run", "n"], true),
            (&["cron", "history", "n", "-n", "3"], true),
        ] {
            let found = action(line);
            assert!(matches!(found, Ok(Action::Cron { remote: None, .. })), "{line:?}: {found:?}");
            let found = action(&[&remote, line].concat());
            assert_eq!(
                matches!(found, Ok(Action::Cron { remote: Some(_), .. })),
                asks,
                "{line:?}: {found:?}"
            );
            assert!(action(&[&remote[..2], line].concat()).is_err(), "{line:?} was taken without a host");
        }
        for line in [
            &["cron"][..],
            &["cron", "next"],
            &["cron", "next", "0", "*", "*"],
            &["cron", "check"],
            &["cron", "set", "n", "@daily"],
            &["cron", "set", "n", "@daily", "--overlap", "x", "ls"],
            &["--controller", "http://127.0.0.1:1", "--host", "h", "cron", "list", "--socket", "/s"],
        ] {
            assert!(action(line).is_err(), "{line:?} was taken");
        }
    }

    #[test]
    fn flags_that_do_not_go_together_are_refused() {
        for line in [
            &["-a", "x"][..],
            &["--plugin-dir", "/x"],
            &["-c", "a.b", "list"],
            &["-c", "a.b", "--host", "h"],
            &["-c", "a.b", "--token-file", "f"],
            &["-c", "a.b", "--controller", "http://127.0.0.1:1"],
            &["--controller", "http://127.0.0.1:1", "list"],
            &["--controller", "http://127.0.0.1:1", "--plugin-dir", "/x", "hosts"],
            &["hosts"],
            &["exec", "ls"],
            &["task", "list"],
            &["--controller", "http://127.0.0.1:1", "task", "list"],
            &["--controller", "http://127.0.0.1:1", "exec", "--", "ls"],
            &["--controller", "http://127.0.0.1:1", "--host", "h", "exec"],
            &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--timeout", "0", "ls"],
            &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--env", "x", "ls"],
            &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--nope", "ls"],
        ] {
            assert!(action(line).is_err(), "{line:?} was taken");
        }
    }
}
