//! `--dev DIR`: everything that a trial needs, in one directory.
//!
//! | file | content |
//! |---|---|
//! | `state/` | the CA, the database, as in an installation |
//! | `token` | the API token |
//! | `join-token` | a join token, for any number of trial hosts, good for a day |
//! | `agent.toml` | the configuration of one agent, with its own directories in DIR |
//!
//! Nothing is special but the places: the host joins as any host does.

mod join_token;

use crate::error::Error;
use crate::files;
use crate::store::Store;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The start of the first line of a config that may be overwritten.
const MARK: &str = "# Made by BasicAgentController --dev";

/// The rest of that line.
const ADVICE: &str = "which overwrites it at each start. To keep your changes, delete this line.";

/// A trial directory.
pub(crate) struct Dev {
    dir: PathBuf,
}

impl Dev {
    /// Creates the directory if it is missing.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn prepare(dir: &Path) -> Result<Self, Error> {
        files::create_dir(dir)?;
        Ok(Self { dir: dir.canonicalize().map_err(Error::file(dir))? })
    }

    /// Returns the file of the API token.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.join("token")
    }

    /// Writes the agent's config, for a server that listens on `port`; one that was edited stays.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write_agent_config(&self, port: SocketAddr) -> Result<(), Error> {
        let server = reachable(port);
        let path = self.agent_config();
        let kept = std::fs::read_to_string(&path).is_ok_and(|text| !text.starts_with(MARK));
        if kept {
            log::info!("kept {}: it was edited", path.display());
            return Ok(());
        }
        let text = format!(
            "{MARK}, {ADVICE}\nserver = {}\nport = {}\nstate_dir = {}\nrun_dir = {}\n",
            quoted(&server.ip().to_string()),
            server.port(),
            quoted(&self.dir.join("agent.state").display().to_string()),
            quoted(&self.dir.join("agent.run").display().to_string()),
        );
        files::replace(&path, text.as_bytes(), files::PUBLIC)
    }

    /// Puts a join token into its file, unless the one there is good.
    ///
    /// # Errors
    /// When the file or the database cannot be written.
    pub(crate) async fn write_join_token(&self, store: &dyn Store) -> Result<(), Error> {
        join_token::provide(&self.join_token(), store).await
    }

    /// Returns the commands to run next; `pin` is that of the CA.
    pub(crate) fn next_steps(&self, port: SocketAddr, pin: &str, api: &str) -> Vec<String> {
        let server = reachable(port);
        let config = self.agent_config();
        let ask = format!(
            "BasicAgentCtl --controller {api} --token-file {}",
            self.token_file().display()
        );
        vec![
            // The token itself is never logged.
            format!(
                "BasicAgent enroll --config {} --server {server} --ca sha256:{pin} --token \"$(cat \
                 {})\"",
                config.display(),
                self.join_token().display()
            ),
            format!("BasicAgent --config {}", config.display()),
            format!("{ask} hosts"),
            format!("{ask} --host ID exec -- uptime"),
        ]
    }

    fn agent_config(&self) -> PathBuf {
        self.dir.join("agent.toml")
    }

    fn join_token(&self) -> PathBuf {
        self.dir.join("join-token")
    }
}

/// Returns the address of a port as an agent on this machine reaches it.
fn reachable(port: SocketAddr) -> SocketAddr {
    match port.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, port.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, port.port()).into(),
        _ => port,
    }
}

/// Returns a TOML basic string; JSON's escapes are a subset of TOML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text goes to memory")
}
