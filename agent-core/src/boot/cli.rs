//! boot's command line and exit statuses. [`super::main`] calls it once.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::Error;
use crate::logging::Standard;

/// The agent's file name in the folder of boot's own file.
const AGENT: &str = "BasicAgent";

/// How boot ended. The numbers are part of its interface (`--help`) and never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    /// Stopped by a signal, and the agent exited cleanly; or, daemonised, the agent was started.
    Done = 0,
    /// The agent was not started: its file, the pid file or the log could not be used.
    NotStarted = 1,
    // 2 is clap's: wrong usage.
    /// Another boot holds the pid file.
    AlreadyRunning = 3,
    /// Stopped by a signal, but the agent failed while stopping or had to be killed.
    AgentFailed = 4,
}

const AFTER_HELP: &str = "\
Signals:
  TERM, INT, QUIT  stop: send TERM to the agent, KILL after --stop-timeout
  HUP              reopen the log (after logrotate has renamed it) and forward HUP to the agent
  USR1, USR2       forward to the agent

Exit status:
  0  stopped, and the agent exited cleanly; without -f: the daemon has started the agent
  1  not started: the agent's file, the pid file or the log could not be used
  2  wrong usage
  3  another boot holds the pid file
  4  stopped, but the agent failed while stopping or had to be killed";

/// Starts BasicAgent and keeps it running: restarts it when it exits, after 1 s at first, then
/// with waits that double up to 60 s.
#[derive(Debug, Parser)]
#[command(name = "boot", version, after_help = AFTER_HELP)]
pub(super) struct Cli {
    /// Append boot's messages and the agent's output to FILE; required without -f; with -f the
    /// default is standard error, and FILE may be /dev/stdout or /dev/stderr
    #[arg(short = 'L', long, value_name = "FILE", required_unless_present = "foreground")]
    log: Option<PathBuf>,

    /// Keep FILE locked, with boot's pid in it, so that only one boot runs; required without -f
    #[arg(short = 'P', long, value_name = "FILE", required_unless_present = "foreground")]
    pid_file: Option<PathBuf>,

    /// Stay in the foreground
    #[arg(short = 'f', long)]
    foreground: bool,

    /// The program to run [default: BasicAgent in boot's own folder]
    #[arg(long, value_name = "PATH")]
    agent: Option<PathBuf>,

    /// Kill the agent and its process group if it has not exited after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    stop_timeout: u64,

    /// Arguments for the agent; use absolute paths, because without -f the agent runs in /
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
    /// Fills in defaults and makes every path absolute.
    ///
    /// # Errors
    /// [`Error::File`]: the working directory, or (without `--agent`) boot's own file, is gone.
    /// [`Error::Refused`]: the log is standard output or error, which a daemon does not have.
    pub(super) fn options(self) -> Result<Options, Error> {
        let agent = match self.agent {
            Some(path) => absolute(&path)?,
            None => env::current_exe()
                .map_err(|source| Error::File { path: "/proc/self/exe".into(), source })?
                .with_file_name(AGENT),
        };
        if let Some(log) = &self.log
            && !self.foreground
            && Standard::named(log).is_some()
        {
            let why = "a daemon has no output to log to; use -f or a file".to_owned();
            return Err(Error::Refused { path: log.into(), why });
        }
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

/// Makes a path absolute before the daemon changes its directory to /.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::File { path: path.into(), source })
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        match error {
            Error::AlreadyRunning { .. } => Self::AlreadyRunning,
            Error::File { .. }
            | Error::Refused { .. }
            | Error::Start { .. }
            | Error::System { .. } => Self::NotStarted,
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
    fn the_documented_command_line_parses() {
        let cli =
            Cli::parse_from(["./boot", "-L", "/tmp/booter.log", "-P", "/tmp/booter.pid", "-f"]);
        let options = cli.options().unwrap();
        assert_eq!(options.log.unwrap(), Path::new("/tmp/booter.log"));
        assert_eq!(options.pid_file.unwrap(), Path::new("/tmp/booter.pid"));
        assert!(options.foreground);
        assert_eq!(options.agent.file_name().unwrap(), AGENT);
    }

    #[test]
    fn a_daemon_requires_a_log_and_a_pid_file() {
        for arguments in [&["boot"][..], &["boot", "-L", "/l"], &["boot", "-P", "/p"]] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
        assert!(Cli::try_parse_from(["boot", "-f"]).is_ok());
    }

    #[test]
    fn arguments_after_the_dashes_are_the_agents() {
        let cli = Cli::parse_from(["boot", "-f", "--", "--config", "/x", "-f"]);
        assert_eq!(cli.options().unwrap().agent_args, ["--config", "/x", "-f"]);
    }
}
