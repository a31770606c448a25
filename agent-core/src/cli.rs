//! The daemon's flags. Each has an environment variable `BASICAGENT_…` of the same name; both
//! override the file.

use crate::config::{self, Config, Level};
use clap::Parser;
use std::path::PathBuf;

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
        set(self.state_dir.as_ref(), &mut config.state_dir);
        set((!self.plugin_dir.is_empty()).then_some(&self.plugin_dir), &mut config.plugin_dirs);
        set(self.log_level.map(Level).as_ref(), &mut config.log.level);
        if self.host_id.is_some() {
            config.host_id.clone_from(&self.host_id);
        }
        if self.log_file.is_some() {
            config.log.file.clone_from(&self.log_file);
        }
    }
}
