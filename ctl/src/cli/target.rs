//! The flags that choose what an action works on: this machine's plugins, a controller, or a host
//! behind a controller.
//!
//! They are global, so they may stand before or after a subcommand. clap checks `requires` and
//! `conflicts_with` within one level only, before it passes global values on to the other levels;
//! so each action takes from here what it needs, and a flag that does not fit is a [`Conflict`].

use super::Remote;
use super::account::context_name;
use crate::client::{Ca, Choice, Controller, ca};
use std::fmt;
use std::path::PathBuf;

/// The plugin folders, in the order of the search.
const PLUGIN_DIRS: [&str; 2] = ["/usr/local/lib/basicagent/plugins", "/usr/lib/basicagent/plugins"];

/// The heading of the flags that choose a controller and a host.
const CONTROLLER: &str = "Controller and host";

/// The flags themselves.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Search this folder for plugins instead of the usual folders; repeatable
    #[arg(long, value_name = "DIR", global = true)]
    plugin_dir: Vec<PathBuf>,

    /// Use this context [default: $BASICAGENT_CONTEXT, or the current one]
    #[arg(long, value_name = "NAME", global = true, value_parser = context_name,
        help_heading = CONTROLLER)]
    pub(super) context: Option<String>,

    /// Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT
    #[arg(long, value_name = "URL", global = true, help_heading = CONTROLLER)]
    controller: Option<String>,

    /// The id of the host; run takes several
    #[arg(long, value_name = "ID", global = true, value_delimiter = ',', help_heading = CONTROLLER)]
    pub(super) host: Vec<String>,

    /// The file with its API token [default: $BASICAGENT_TOKEN itself]
    #[arg(long, value_name = "FILE", global = true, help_heading = CONTROLLER)]
    pub(super) token_file: Option<PathBuf>,

    /// The CA of https://: a file, or sha256:DIGEST [default: this machine's bundle]
    #[arg(long, value_name = "CA", global = true, value_parser = ca, help_heading = CONTROLLER)]
    pub(super) ca: Option<Ca>,
}

/// The choice of this machine's agent.
#[derive(Debug, clap::Args)]
pub(crate) struct At {
    /// Without --host: this machine's agent by its local socket, agent.sock in its run_dir
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
    /// Checks the rules that hold for every action. `login`: the action makes a context itself.
    pub(super) fn check(&self, login: bool) -> Result<(), Conflict> {
        if self.controller.is_some() && self.context.is_some() {
            return Err(Conflict("--controller and --context both name a controller: use one"));
        }
        if login {
            if self.controller.is_some() || !self.host.is_empty() {
                return Err(Conflict(
                    "login and setup take the URL without --controller or --host",
                ));
            }
        } else if self.controller.is_none() && (self.token_file.is_some() || self.ca.is_some()) {
            return Err(Conflict("--token-file and --ca require --controller URL"));
        }
        if !self.is_local() && !self.plugin_dir.is_empty() {
            return Err(Conflict(
                "--plugin-dir applies to this machine's plugins; it cannot be combined with \
                 --controller, --context or --host",
            ));
        }
        Ok(())
    }

    /// Returns whether neither a controller nor a host is given.
    pub(super) fn is_local(&self) -> bool {
        self.controller.is_none() && self.context.is_none() && self.host.is_empty()
    }

    /// Returns this machine's plugin folders.
    pub(super) fn plugin_dirs(self) -> Result<Vec<PathBuf>, Conflict> {
        if !self.is_local() {
            return Err(Conflict(
                "list, describe, new and check work on this machine; they cannot be combined with \
                 --controller, --context or --host (-c agent.methods lists a host's methods)",
            ));
        }
        if self.plugin_dir.is_empty() {
            return Ok(PLUGIN_DIRS.map(PathBuf::from).to_vec());
        }
        // The loader rejects a path that cannot be made absolute, and names it.
        let absolute = |dir: PathBuf| std::path::absolute(&dir).unwrap_or(dir);
        Ok(self.plugin_dir.into_iter().map(absolute).collect())
    }

    /// Returns the controller, for an action that is about no single host.
    pub(super) fn controller(self) -> Result<Controller, Conflict> {
        if !self.host.is_empty() {
            return Err(Conflict("--host does not apply here: name hosts after the subcommand"));
        }
        Ok(self.chosen())
    }

    /// Returns the controller that the flags name, or the current context's.
    pub(super) fn chosen(self) -> Controller {
        Controller::new(match self.controller {
            Some(url) => Choice::Flags {
                url,
                token_file: self.token_file,
                ca: self.ca.unwrap_or(Ca::System),
            },
            None => Choice::Context(self.context),
        })
    }

    /// Returns the host whose agent gets the request; `None`: this machine's agent.
    pub(super) fn agent(self, at: &At) -> Result<Option<Remote>, Conflict> {
        if self.is_local() {
            return Ok(None);
        }
        if at.socket.is_some() {
            return Err(Conflict(
                "--socket names this machine's agent; it cannot be combined with --controller, \
                 --context or --host",
            ));
        }
        self.remote().map(Some)
    }

    /// Takes the host, where at most one may be given.
    pub(super) fn one_host(&mut self) -> Result<Option<String>, Conflict> {
        let host = self.host.pop();
        match self.host.is_empty() {
            true => Ok(host),
            false => Err(Conflict("several hosts are for run only: name one with --host ID")),
        }
    }

    /// Returns the host and its controller.
    pub(super) fn remote(mut self) -> Result<Remote, Conflict> {
        let host = self.one_host()?.ok_or(Conflict("--host ID is required"))?;
        Ok(Remote { controller: self.chosen(), host })
    }
}
