//! boot's command line and exit statuses. Called once, by [`super::main`].

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::Error;

/// The agent's file name, looked for beside boot's own.
const AGENT: &str = "BasicAgent";

/// How boot ended. The numbers are part of its interface (`--help`) and never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    /// Stopped as asked, the agent ended cleanly; or, daemonised, the agent was started.
    Done = 0,
    /// The agent was not started: its file, the pid file or the log is at fault.
    NotStarted = 1,
    // 2 is clap's: wrong usage.
    /// Another boot holds the pid file.
    AlreadyRunning = 3,
    /// Stopped as asked, but the agent failed on its way out or had to be killed.
    AgentFailed = 4,
}

const AFTER_HELP: &str = "\
Signals:
  TERM, INT, QUIT  stop: TERM to the agent, KILL after --stop-timeout
  HUP              reopen the log (after logrotate renamed it), and pass HUP on to the agent
  USR1, USR2       passed on to the agent

Exit status:
  0  stopped and the agent ended cleanly; without -f: the daemon runs and has started the agent
  1  not started: the agent's file, the pid file or the log could not be used
  2  wrong usage
  3  another boot holds the pid file
  4  stopped, but the agent failed on its way out or had to be killed";

/// Starts BasicAgent and keeps it running: restarts it when it ends, after 1 s at first, then
/// doubling up to 60 s.
#[derive(Debug, Parser)]
#[command(name = "boot", version, after_help = AFTER_HELP)]
pub(super) struct Cli {
    /// Append boot's messages and the agent's output to FILE; needed unless -f, where the default
    /// is standard error
    #[arg(short = 'L', long, value_name = "FILE", required_unless_present = "foreground")]
    log: Option<PathBuf>,

    /// Hold FILE locked with boot's pid in it, so that only one runs; needed unless -f
    #[arg(short = 'P', long, value_name = "FILE", required_unless_present = "foreground")]
    pid_file: Option<PathBuf>,

    /// Stay in the foreground
    #[arg(short = 'f', long)]
    foreground: bool,

    /// The program to run [default: BasicAgent beside boot]
    #[arg(long, value_name = "PATH")]
    agent: Option<PathBuf>,

    /// How long the agent may take to end before it and its process group are killed
    #[arg(long, value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    stop_timeout: u64,

    /// Arguments for the agent; without -f it runs in /, so give absolute paths
    #[arg(last = true, value_name = "AGENT ARGS")]
    agent_args: Vec<OsString>,
}

/// The command line with defaults filled in and every path absolute.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) log: Option<PathBuf>,
    pub(super) pid_file: Option<PathBuf>,
    pub(super) foreground: bool,
    pub(super) agent: PathBuf,
    pub(super) stop_timeout: Duration,
    pub(super) agent_args: Vec<OsString>,
}

impl Cli {
    /// # Errors
    /// The working directory, or (with no `--agent`) boot's own path, is gone.
    pub(super) fn options(self) -> Result<Options, Error> {
        let agent = match self.agent {
            Some(path) => absolute(&path)?,
            None => env::current_exe()
                .map_err(|source| Error::File { path: "/proc/self/exe".into(), source })?
                .with_file_name(AGENT),
        };
        Ok(Options {
            log: self.log.as_deref().map(absolute).transpose()?,
            pid_file: self.pid_file.as_deref().map(absolute).transpose()?,
            foreground: self.foreground,
            agent,
            stop_timeout: Duration::from_secs(self.stop_timeout),
            agent_args: self.agent_args,
        })
    }
}

/// The daemon leaves for /, so a relative path must be settled before.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::File { path: path.into(), source })
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        match error {
            Error::BootRuns { .. } => Self::AlreadyRunning,
            _ => Self::NotStarted,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_seeds_own_command_line_parses() {
        let cli = Cli::parse_from(["./boot", "-L", "/tmp/booter.log", "-P", "/tmp/booter.pid", "-f"]);
        let options = cli.options().unwrap();
        assert_eq!(options.log.unwrap(), Path::new("/tmp/booter.log"));
        assert_eq!(options.pid_file.unwrap(), Path::new("/tmp/booter.pid"));
        assert!(options.foreground);
        assert_eq!(options.agent.file_name().unwrap(), AGENT);
    }

    #[test]
    fn a_daemon_without_log_or_pid_file_is_refused() {
        for arguments in [&["boot"][..], &["boot", "-L", "/l"], &["boot", "-P", "/p"]] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
        assert!(Cli::try_parse_from(["boot", "-f"]).is_ok());
    }

    #[test]
    fn what_follows_the_dashes_is_the_agents() {
        let cli = Cli::parse_from(["boot", "-f", "--", "--config", "/x", "-f"]);
        assert_eq!(cli.options().unwrap().agent_args, ["--config", "/x", "-f"]);
    }
}
