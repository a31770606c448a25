//! The flags that choose what an action works on: this machine's plugins, a controller, or a host
//! behind a controller.
//!
//! They are global, so they may stand before or after a subcommand. clap checks `requires` and
//! `conflicts_with` within one level only, before it passes global values on to the other levels;
//! so each action takes from here what it needs, and a flag that does not fit is a [`Conflict`].

use super::Remote;
use crate::client::Controller;
use std::fmt;
use std::path::PathBuf;

/// The plugin folders, in the order of the search.
const PLUGIN_DIRS: [&str; 2] = ["/usr/local/lib/basicagent/plugins", "/usr/lib/basicagent/plugins"];

/// The flags themselves.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Search this folder for plugins instead of the usual folders; repeatable
    #[arg(long, value_name = "DIR", global = true)]
    plugin_dir: Vec<PathBuf>,

    /// Send requests through the controller with this API, http://127.0.0.1:PORT
    #[arg(long, value_name = "URL", global = true)]
    controller: Option<String>,

    /// With --controller: the id of the host
    #[arg(long, value_name = "ID", global = true)]
    host: Option<String>,

    /// With --controller: the file with the API's token [default: the variable BASICAGENT_TOKEN]
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

/// The choice of this machine's agent.
#[derive(Debug, clap::Args)]
pub(crate) struct At {
    /// Without --controller: this machine's agent by its local socket, agent.sock in its run_dir
    /// [default: /run/basicagent/agent.sock]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

/// Two flags conflict, or one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conflict(pub(super) &'static str);

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Target {
    /// Checks the rules that hold for every action.
    pub(super) fn check(&self) -> Result<(), Conflict> {
        if self.is_local() && (self.host.is_some() || self.token_file.is_some()) {
            return Err(Conflict("--host and --token-file require --controller URL"));
        }
        if !self.is_local() && !self.plugin_dir.is_empty() {
            return Err(Conflict(
                "--plugin-dir applies to this machine's plugins; it cannot be combined with --controller",
            ));
        }
        Ok(())
    }

    /// Returns whether no controller is given.
    pub(super) fn is_local(&self) -> bool {
        self.controller.is_none()
    }

    /// Returns this machine's plugin folders.
    pub(super) fn plugin_dirs(self) -> Result<Vec<PathBuf>, Conflict> {
        if !self.is_local() {
            return Err(Conflict(
                "list, describe, new and check work on this machine; they cannot be combined with \
                 --controller (-c agent.methods lists a host's methods)",
            ));
        }
        if self.plugin_dir.is_empty() {
            return Ok(PLUGIN_DIRS.map(PathBuf::from).to_vec());
        }
        // The loader rejects a path that cannot be made absolute, and names it.
        let absolute = |dir: PathBuf| std::path::absolute(&dir).unwrap_or(dir);
        Ok(self.plugin_dir.into_iter().map(absolute).collect())
    }

    /// Returns the controller.
    pub(super) fn controller(self) -> Result<Controller, Conflict> {
        let url = self.controller.ok_or(Conflict("--controller URL is required"))?;
        Ok(Controller { url, token_file: self.token_file })
    }

    /// Returns the host whose agent gets the request; `None`: this machine's agent.
    pub(super) fn agent(self, at: &At) -> Result<Option<Remote>, Conflict> {
        if self.is_local() {
            return Ok(None);
        }
        if at.socket.is_some() {
            return Err(Conflict(
                "--socket names this machine's agent; it cannot be combined with --controller",
            ));
        }
        self.remote().map(Some)
    }

    /// Returns the host and its controller.
    pub(super) fn remote(mut self) -> Result<Remote, Conflict> {
        let host = self.host.take();
        let controller = self.controller()?;
        Ok(Remote { controller, host: host.ok_or(Conflict("--host ID is required"))? })
    }
}
