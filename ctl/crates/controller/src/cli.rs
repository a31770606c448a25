//! The command-line flags and their valid combinations.

use crate::agents::{Redirect, TlsFiles};
use crate::error::Error;
use crate::store::Bounds;
use agent_wire::DEFAULT_PORT;
use clap::{Parser, value_parser};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The API's address without `--http`.
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7480);

/// The state directory without `--state-dir` and `--dev`.
const DEFAULT_STATE_DIR: &str = "/var/lib/basicagent-controller";

/// The server that agents connect to.
///
/// Agents connect to --listen; operators use the HTTP API on --http, on loopback. To try it, run
/// `BasicAgentController --dev DIR` and follow the steps that it prints.
#[derive(Debug, Parser)]
#[command(name = "BasicAgentController", version, max_term_width = 100)]
pub(crate) struct Flags {
    /// The address where agents connect, plain bootstrap and TLS on one port; repeatable
    /// [default: [::]:7443; with --dev 127.0.0.1:7443]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,

    /// The address of the HTTP API; must be on loopback
    #[arg(long, value_name = "ADDR:PORT", default_value_t = DEFAULT_HTTP, value_parser = loopback)]
    pub(crate) http: SocketAddr,

    /// Redirect every agent to these addresses, which it tries in order
    #[arg(long, value_name = "ADDR[:PORT],…", value_parser = Redirect::parse)]
    pub(crate) redirect_to: Option<Redirect>,

    /// The server's certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The CA that signed the agents' certificates, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,

    /// The file with the API token; if missing, it is created with a new token, for its owner only
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// The directory for the results of tasks, for its owner only
    /// [default: /var/lib/basicagent-controller; with --dev DIR/state]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Delete a result after this many days
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = value_parser!(u16).range(1..=3650)
    )]
    pub(crate) keep_days: u16,

    /// Store at most this many MiB of results of all hosts; agents keep further ones
    /// [default: 16384, or three quarters of the file system if that is less]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_store_mib: Option<u64>,

    /// Store at most this many MiB of results of one host; its agent keeps further ones
    /// [default: 1024, or an eighth of all if that is less, but at least 64]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_host_mib: Option<u64>,

    /// Serve with a CA, certificates, a token and an agent's config in DIR, creating any of them
    /// that is missing; for trials
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cert", "key", "client_ca"])]
    pub(crate) dev: Option<PathBuf>,

    /// With --dev: also create a certificate and a config for this host id, in DIR/agents;
    /// repeatable
    #[arg(long, value_name = "ID", requires = "dev", value_parser = host_id)]
    pub(crate) dev_host: Vec<String>,

    /// With --dev: create the files and exit
    #[arg(long, requires = "dev")]
    pub(crate) init_only: bool,

    /// Write the addresses in use to FILE, as JSON, once all ports are open
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,

    /// The maximum number of connected agents
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        value_parser = value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) max_connections: u32,

    /// The maximum number of connections from one address (of IPv6, one /64) that are not sessions
    /// yet [default: 512, or less where few files can be open]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(4..))]
    pub(crate) max_opening_per_address: Option<u16>,
}

impl Flags {
    /// Returns the addresses where agents connect.
    pub(crate) fn listen(&self) -> Vec<SocketAddr> {
        match (&self.listen[..], &self.dev) {
            ([], None) => vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), DEFAULT_PORT)],
            ([], Some(_)) => vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT)],
            (some, _) => some.to_vec(),
        }
    }

    /// Returns the PEM files named by flags.
    ///
    /// # Errors
    /// When one of the three flags is missing.
    pub(crate) fn tls_files(&self) -> Result<TlsFiles, Error> {
        match (&self.cert, &self.key, &self.client_ca) {
            (Some(cert), Some(key), Some(client_ca)) => {
                Ok(TlsFiles { cert: cert.clone(), key: key.clone(), client_ca: client_ca.clone() })
            }
            _ => Err(Error::Flags(
                "--cert, --key and --client-ca are required; for a trial, --dev DIR creates them"
                    .to_owned(),
            )),
        }
    }

    /// Returns the directory for results.
    pub(crate) fn state_dir(&self) -> PathBuf {
        match (&self.state_dir, &self.dev) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dev)) => dev.join("state"),
            (None, None) => DEFAULT_STATE_DIR.into(),
        }
    }

    /// Returns the bounds on what is stored.
    pub(crate) fn bounds(&self) -> Bounds {
        let keep = Duration::from_secs(u64::from(self.keep_days) * 24 * 3600);
        Bounds::new(&self.state_dir(), keep, self.max_store_mib, self.max_host_mib)
    }

    /// Returns the token file named by a flag.
    ///
    /// # Errors
    /// When the flag is missing.
    pub(crate) fn token_file(&self) -> Result<PathBuf, Error> {
        self.token_file
            .clone()
            .ok_or_else(|| Error::Flags("--token-file FILE is required".to_owned()))
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "expected ADDRESS:PORT".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("plain HTTP would expose the token: only a loopback address (127.0.0.1 or [::1]) is \
             allowed; for remote clients, put a TLS proxy in front"
            .to_owned())
    }
}

fn host_id(text: &str) -> Result<String, String> {
    if crate::agents::can_name_a_host(text) {
        Ok(text.to_owned())
    } else {
        Err("a host id must be a valid DNS name, because certificates name it: labels of letters, \
             digits, '-' and '_', the last one not all digits"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn the_api_listens_on_loopback_only() {
        for (text, taken) in [
            ("127.0.0.1:0", true),
            ("127.8.8.8:1", true),
            ("[::1]:7480", true),
            ("0.0.0.0:7480", false),
            ("[::]:7480", false),
            ("10.0.0.1:7480", false),
            ("localhost:7480", false),
        ] {
            let flags = Flags::try_parse_from(["x", "--http", text]);
            assert_eq!(flags.is_ok(), taken, "{text}");
        }
    }

    #[test]
    fn without_dev_the_certificate_flags_are_required() {
        let flags = Flags::try_parse_from(["x", "--cert", "a"]).unwrap();
        assert!(flags.tls_files().unwrap_err().to_string().contains("--client-ca"));
        assert!(Flags::try_parse_from(["x", "--dev", "d", "--cert", "a"]).is_err());
        assert!(Flags::try_parse_from(["x", "--init-only"]).is_err());
        assert!(Flags::try_parse_from(["x", "--dev", "d", "--dev-host", "a/b"]).is_err());
    }
}
