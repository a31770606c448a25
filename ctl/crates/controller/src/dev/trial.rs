//! The trial directory as a whole.

use super::agent_config;
use super::pki::{self, Ca, Role};
use crate::cli::TlsFiles;
use crate::error::Error;
use crate::files;
use std::path::{Path, PathBuf};

/// The name that agents look for in the server's certificate, wherever it really is.
const SERVER_NAME: &str = "config.cargo.com";

/// The trial directory, its certificates in place.
pub(crate) struct Dev {
    dir: PathBuf,
    /// Base path (without ending) and host id of each agent.
    agents: Vec<(PathBuf, String)>,
}

impl Dev {
    /// Makes what is missing in `dir`, with a certificate for each of `hosts` beside the first agent's.
    ///
    /// # Errors
    /// When a file can't be read or written, or the CA's two files don't belong together.
    pub(crate) fn prepare(dir: &Path, hosts: &[String]) -> Result<Self, Error> {
        files::make_dir(dir)?;
        let dir = dir.canonicalize().map_err(Error::file(dir))?;
        let ca = Ca::load_or_make(&dir)?;
        ca.issue(&dir.join("server"), Role::Server, &[SERVER_NAME, "localhost", "127.0.0.1"])?;
        let first = dir.join("agent");
        let first_id = pki::name_in(&first).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let mut agents = vec![(first, first_id)];
        if !hosts.is_empty() {
            files::make_dir(&dir.join("agents"))?;
            agents.extend(hosts.iter().map(|id| (dir.join("agents").join(id), id.clone())));
        }
        for (base, id) in &agents {
            ca.issue(base, Role::Agent, &[id])?;
        }
        Ok(Self { dir, agents })
    }

    /// Writes each agent's config, to connect to `port` on loopback.
    ///
    /// # Errors
    /// When one can't be written.
    pub(crate) fn write_agent_configs(&self, port: u16) -> Result<(), Error> {
        let ca = self.dir.join("ca.pem");
        self.agents.iter().try_for_each(|(base, id)| agent_config::write(base, id, &ca, port, SERVER_NAME))
    }

    /// The server's PEM files.
    pub(crate) fn tls_files(&self) -> TlsFiles {
        let file = |name| self.dir.join(name);
        TlsFiles { cert: file("server.pem"), key: file("server.key"), client_ca: file("ca.pem") }
    }

    /// The API token's file.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.join("token")
    }

    /// What to run next, a line each.
    pub(crate) fn next_steps(&self, http: std::net::SocketAddr) -> Vec<String> {
        let (base, id) = &self.agents[0];
        let ask =
            format!("BasicAgentCtl --controller http://{http} --token-file {}", self.token_file().display());
        vec![
            format!("BasicAgent --config {}.toml", base.display()),
            format!("{ask} hosts"),
            format!("{ask} --host {id} exec -- uptime"),
        ]
    }
}
