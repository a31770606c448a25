//! The trial directory as a whole.

use super::agent_config;
use super::pki::{self, Ca, Role};
use crate::agents::{ServerFiles, TlsFiles};
use crate::error::Error;
use crate::files;
use std::path::{Path, PathBuf};

/// The name that agents expect in the server's certificate, whatever its address.
const SERVER_NAME: &str = "config.cargo.com";

/// A trial directory with its certificates.
pub(crate) struct Dev {
    dir: PathBuf,
    /// Each agent's base path (without extension) and host id.
    agents: Vec<(PathBuf, String)>,
}

impl Dev {
    /// Creates what is missing in `dir`, with a certificate for the first agent and for each of
    /// `hosts`.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the CA's key does not match.
    pub(crate) fn prepare(dir: &Path, hosts: &[String]) -> Result<Self, Error> {
        files::create_dir(dir)?;
        let dir = dir.canonicalize().map_err(Error::file(dir))?;
        let ca = Ca::load_or_create(&dir)?;
        ca.issue(&dir.join("server"), Role::Server, &[SERVER_NAME, "localhost", "127.0.0.1"])?;
        let first = dir.join("agent");
        let first_id = pki::name_in(&first).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let mut agents = vec![(first, first_id)];
        if !hosts.is_empty() {
            files::create_dir(&dir.join("agents"))?;
            agents.extend(hosts.iter().map(|id| (dir.join("agents").join(id), id.clone())));
        }
        for (base, id) in &agents {
            ca.issue(base, Role::Agent, &[id])?;
        }
        Ok(Self { dir, agents })
    }

    /// Writes each agent's config, for `port` on loopback.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write_agent_configs(&self, port: u16) -> Result<(), Error> {
        let ca = self.dir.join("ca.pem");
        self.agents
            .iter()
            .try_for_each(|(base, id)| agent_config::write(base, id, &ca, port, SERVER_NAME))
    }

    /// Returns the server's PEM files.
    pub(crate) fn tls_files(&self) -> TlsFiles {
        let file = |name| self.dir.join(name);
        let ca = file("ca.pem");
        let server =
            ServerFiles { cert: file("server.pem"), key: file("server.key"), ca: Some(ca.clone()) };
        TlsFiles { server: Some(server), agent_ca: Some(ca) }
    }

    /// Returns the file of the API token.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.join("token")
    }

    /// Returns the commands to run next.
    pub(crate) fn next_steps(&self, http: std::net::SocketAddr) -> Vec<String> {
        let (base, id) = &self.agents[0];
        let ask = format!(
            "BasicAgentCtl --controller http://{http} --token-file {}",
            self.token_file().display()
        );
        vec![
            format!("BasicAgent --config {}.toml", base.display()),
            format!("{ask} hosts"),
            format!("{ask} --host {id} exec -- uptime"),
        ]
    }
}
