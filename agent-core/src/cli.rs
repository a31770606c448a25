//! The daemon's flags. Each has an environment variable `BASICAGENT_…` of the same name; both
//! override the file.

use crate::config::{self, Config, Level};
use crate::logging::{AGENT, complain};
use clap::builder::Resettable;
use clap::error::ContextKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use std::path::PathBuf;
use std::process::ExitCode;

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
}

impl Cli {
    /// Reads the command line and the environment. An empty variable is as good as none, as in a
    /// unit's `Environment=` that clears one.
    ///
    /// # Errors
    /// The exit status, once help, the version or wrong usage has been printed.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let command = Self::command().mut_args(|arg| {
            let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
            match arg.get_env().is_some_and(is_empty) {
                true => arg.env(Resettable::Reset),
                false => arg,
            }
        });
        let read = command.try_get_matches().and_then(|found| Self::from_arg_matches(&found));
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
