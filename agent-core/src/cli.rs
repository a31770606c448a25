//! The daemon's flags. Each has an environment variable `BASICAGENT_…` of the same name; both
//! override the file.

use crate::config::{self, Config, Examined, Level};
use crate::logging::{AGENT, complain};
use clap::builder::Resettable;
use clap::error::ContextKind;
use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// The host agent: connects to its controller over TLS and runs the requests it receives
#[derive(Debug, Parser)]
#[command(
    name = "BasicAgent",
    version,
    after_help = "Exit status: 0 stopped normally, 1 runtime failure, 2 usage or configuration error"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Check the configuration and the files it names, print problems, and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does instead of running as the agent.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let this host join a controller: fetch its certificate with a join token
    Enroll(Enroll),
}

/// The flags of `enroll`. The line to paste comes from `BasicAgentCtl token create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The agent verifies the server by --ca before it sends the token. Where an operator has to approve the
host, the program waits. It may be interrupted and run again: the same token is used once.

Exit status: 0 the host has joined, 1 no server could be reached or none could serve, 2 usage error, or
a file on this host cannot be used, 3 the server refuses, 4 the server is not the one that --ca names
(nothing was sent)")]
pub(crate) struct Enroll {
    /// The certificate that the server must present (sha256:HEX), or a PEM file of CAs [default:
    /// enroll.ca]
    #[arg(long, value_name = "PIN|FILE")]
    pub(crate) ca: Option<String>,
    /// Join token [default: that of enroll.token or enroll.token_file]
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token: Option<TokenArgument>,
    /// File that holds the join token (mode 0600); it is removed once the host has joined
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Name in the server's certificate [default: the name in --server]
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Join although the host has joined before: its key is set aside
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// The flags of `enroll` that override keys of the file, as those of the agent do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// Server name or address, with or without a port; may be repeated
    #[arg(long, value_name = "NAME", env = "BASICAGENT_SERVER", value_delimiter = ',')]
    server: Vec<String>,
    /// Host id to ask for; the server may give another
    #[arg(long, value_name = "ID", env = "BASICAGENT_HOST_ID")]
    host_id: Option<String>,
    /// Directory of the agent's state
    #[arg(long, value_name = "DIR", env = "BASICAGENT_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Configuration file [default: /etc/basicagent/agent.toml]
    #[arg(short, long, value_name = "FILE", env = "BASICAGENT_CONFIG")]
    config: Option<PathBuf>,
}

/// A join token on the command line. `Debug` never shows it.
#[derive(Clone)]
pub(crate) struct TokenArgument(pub(crate) String);

impl fmt::Debug for TokenArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenArgument(…)")
    }
}

impl FromStr for TokenArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Cli {
    /// Reads the command line and the environment. An empty variable is as good as none, as in a
    /// unit's `Environment=` that clears one.
    ///
    /// # Errors
    /// The exit status, once help, the version or wrong usage has been printed. No message shows a
    /// token.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let without_empty = |arg: Arg| {
            let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
            match arg.get_env().is_some_and(is_empty) {
                true => arg.env(Resettable::Reset),
                false => arg,
            }
        };
        let command = Self::command()
            .mut_args(without_empty)
            .mut_subcommands(|command| command.mut_args(without_empty));
        let read = command.try_get_matches().and_then(|found| Self::from_arg_matches(&found));
        let read = read.map(|mut cli| {
            if let Some(Command::Enroll(Enroll { place, .. })) = &cli.command {
                cli.overrides.take(place.clone());
            }
            cli
        });
        read.map_err(|error| {
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            let text = error.to_string();
            complain(AGENT, &format_args!("{}{}", text.trim_end(), origin(&error)));
            ExitCode::from(2)
        })
    }
}

/// Names the environment variable that an invalid value comes from: the error names a flag.
fn origin(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let (flag, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    let command = Cli::command();
    let variable = command.get_arguments().find_map(|arg| {
        let name = arg.get_env()?;
        let is_it = flag.starts_with(&format!("--{} ", arg.get_long()?))
            && std::env::var_os(name).is_some_and(|set| set.to_string_lossy() == value);
        is_it.then(|| name.to_string_lossy().into_owned())
    });
    variable.map(|name| format!("\n\nThe value is that of {name}.")).unwrap_or_default()
}

/// Flags and environment variables that override keys of the file.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Overrides {
    /// Configuration file [default: /etc/basicagent/agent.toml]
    #[arg(short, long, value_name = "FILE", env = "BASICAGENT_CONFIG")]
    config: Option<PathBuf>,
    /// Server name or address; may be repeated
    #[arg(long, value_name = "NAME", env = "BASICAGENT_SERVER", value_delimiter = ',')]
    server: Vec<String>,
    /// Server port
    #[arg(long, env = "BASICAGENT_PORT")]
    port: Option<u16>,
    /// This host's id
    #[arg(long, value_name = "ID", env = "BASICAGENT_HOST_ID")]
    host_id: Option<String>,
    /// Directory for state that must survive a restart
    #[arg(long, value_name = "DIR", env = "BASICAGENT_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Plugin directory, instead of the configured ones; may be repeated
    #[arg(long, value_name = "DIR", env = "BASICAGENT_PLUGIN_DIR", value_delimiter = ':')]
    plugin_dir: Vec<PathBuf>,
    /// Log level: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "BASICAGENT_LOG_LEVEL")]
    log_level: Option<log::LevelFilter>,
    /// Log to this file instead of stderr
    #[arg(short = 'L', long, value_name = "FILE", env = "BASICAGENT_LOG_FILE")]
    log_file: Option<PathBuf>,
}

impl Overrides {
    /// Reads the configuration file and applies these overrides.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub(crate) fn configuration(&self) -> Result<Config, config::Error> {
        Config::load(self.config.as_deref(), |config| self.apply(config))
    }

    /// Reads the configuration file with everything that is wrong in it, and applies these
    /// overrides.
    ///
    /// # Errors
    /// Those of [`Examined::load`].
    pub(crate) fn examined(&self) -> Result<Examined, config::Error> {
        Examined::load(self.config.as_deref(), |config| self.apply(config))
    }

    /// Takes the flags of a subcommand in the place of those before it.
    fn take(&mut self, place: Place) {
        let Place { server, host_id, state_dir, config } = place;
        if !server.is_empty() {
            self.server = server;
        }
        self.host_id = host_id.or(self.host_id.take());
        self.state_dir = state_dir.or(self.state_dir.take());
        self.config = config.or(self.config.take());
    }

    /// Replaces keys of the file by the given flags.
    fn apply(&self, config: &mut Config) {
        fn set<T: Clone>(given: Option<&T>, place: &mut T) {
            if let Some(value) = given {
                place.clone_from(value);
            }
        }
        set((!self.server.is_empty()).then_some(&self.server), &mut config.server);
        set(self.port.as_ref(), &mut config.port);
        // A relative path in a flag starts at the working directory; in the file it has no start.
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        set(self.state_dir.as_ref().map(absolute).as_ref(), &mut config.state_dir);
        if !self.plugin_dir.is_empty() {
            config.plugin_dirs = self.plugin_dir.iter().map(absolute).collect();
        }
        set(self.log_level.map(Level).as_ref(), &mut config.log.level);
        if self.host_id.is_some() {
            config.host_id.clone_from(&self.host_id);
        }
        if let Some(file) = &self.log_file {
            config.log.file = Some(absolute(file));
        }
    }
}
