//! The daemon's flags. Each has a variable `BASICAGENT_…` of the same name; both override the file.

use crate::config::{self, Config, Level};
use clap::Parser;
use std::path::PathBuf;

/// The host agent: finds its server, keeps a TLS channel to it, runs what it is asked.
#[derive(Debug, Parser)]
#[command(
    name = "BasicAgent",
    version,
    after_help = "Exit status: 0 ended as asked, 1 could not run, 2 usage or configuration."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Check the configuration and the files it names, say what is wrong, and exit
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// What may stand on the command line instead of in the file.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Overrides {
    /// Configuration file [default: /etc/basicagent/agent.toml]
    #[arg(short, long, value_name = "FILE", env = "BASICAGENT_CONFIG")]
    config: Option<PathBuf>,
    /// Server's name or address; may be given several times
    #[arg(long, value_name = "NAME", env = "BASICAGENT_SERVER", value_delimiter = ',')]
    server: Vec<String>,
    /// Server's port
    #[arg(long, env = "BASICAGENT_PORT")]
    port: Option<u16>,
    /// This host's identity
    #[arg(long, value_name = "ID", env = "BASICAGENT_HOST_ID")]
    host_id: Option<String>,
    /// Where the agent keeps what must survive a restart
    #[arg(long, value_name = "DIR", env = "BASICAGENT_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Where plugins are looked for, instead of the configured directories; may be given several times
    #[arg(long, value_name = "DIR", env = "BASICAGENT_PLUGIN_DIR", value_delimiter = ':')]
    plugin_dir: Vec<PathBuf>,
    /// off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "BASICAGENT_LOG_LEVEL")]
    log_level: Option<log::LevelFilter>,
    /// Log to this file instead of stderr
    #[arg(short = 'L', long, value_name = "FILE", env = "BASICAGENT_LOG_FILE")]
    log_file: Option<PathBuf>,
}

impl Overrides {
    /// The configuration in force: the file's, with what was given here laid over it.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub(crate) fn configuration(&self) -> Result<Config, config::Error> {
        Config::load(self.config.as_deref(), |config| self.lay_over(config))
    }

    /// Puts what was given in the place of what the file says.
    fn lay_over(&self, config: &mut Config) {
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
