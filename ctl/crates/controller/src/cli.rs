//! The flags, and what they may not be together.

use crate::error::Error;
use crate::agents::redirect::Redirect;
use agent_wire::DEFAULT_PORT;
use clap::Parser;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where the API listens unless `--http` says otherwise.
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7480);

/// Where results are kept unless a flag says otherwise.
const DEFAULT_STATE_DIR: &str = "/var/lib/basicagent-controller";

/// The server that agents connect to.
///
/// Agents connect to --listen; operators ask on --http, an HTTP API on loopback. To try it:
/// `BasicAgentController --dev DIR`, then what it prints.
#[derive(Debug, Parser)]
#[command(name = "BasicAgentController", version, max_term_width = 100)]
pub(crate) struct Flags {
    /// Where agents connect, plain bootstrap and TLS on one port; repeatable
    /// [default: [::]:7443; with --dev 127.0.0.1:7443]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Where the HTTP API listens; only loopback is allowed
    #[arg(long, value_name = "ADDR:PORT", default_value_t = DEFAULT_HTTP, value_parser = loopback)]
    pub(crate) http: SocketAddr,

    /// Answer every agent with a redirect to these addresses, tried in order
    #[arg(long, value_name = "ADDR[:PORT],…", value_parser = Redirect::parse)]
    pub(crate) redirect_to: Option<Redirect>,

    /// This server's certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The CA that signed the agents' certificates, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,

    /// The API's token; made, readable by its owner only, when it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Where results of tasks are kept, a directory for its owner only
    /// [default: /var/lib/basicagent-controller; with --dev DIR/state]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Days that a result is kept
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) keep_days: u16,

    /// Make a CA, certificates, a token and an agent's config in DIR where they are not there, and serve with them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cert", "key", "client_ca"])]
    pub(crate) dev: Option<PathBuf>,

    /// With --dev: make a certificate and a config for this host id too, in DIR/agents; repeatable
    #[arg(long, value_name = "ID", requires = "dev", value_parser = host_id)]
    pub(crate) dev_host: Vec<String>,

    /// With --dev: make the files and exit
    #[arg(long, requires = "dev")]
    pub(crate) init_only: bool,

    /// Write the addresses in use to FILE, as JSON, once all of them are open
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,

    /// The most agents connected at once
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,
}

/// The PEM files of the agents' port.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The server's certificate chain.
    pub(crate) cert: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// Who signs agents' certificates.
    pub(crate) client_ca: PathBuf,
}

impl Flags {
    /// Where agents connect.
    pub(crate) fn listen(&self) -> Vec<SocketAddr> {
        match (&self.listen[..], &self.dev) {
            ([], None) => vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), DEFAULT_PORT)],
            ([], Some(_)) => vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT)],
            (some, _) => some.to_vec(),
        }
    }

    /// The PEM files given by flags.
    ///
    /// # Errors
    /// When one of the three is missing.
    pub(crate) fn tls_files(&self) -> Result<TlsFiles, Error> {
        match (&self.cert, &self.key, &self.client_ca) {
            (Some(cert), Some(key), Some(client_ca)) => {
                Ok(TlsFiles { cert: cert.clone(), key: key.clone(), client_ca: client_ca.clone() })
            }
            _ => Err(Error::Flags(
                "--cert, --key and --client-ca are needed (or --dev DIR, which makes them, for a trial)"
                    .to_owned(),
            )),
        }
    }

    /// Where results are kept.
    pub(crate) fn state_dir(&self) -> PathBuf {
        match (&self.state_dir, &self.dev) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dev)) => dev.join("state"),
            (None, None) => DEFAULT_STATE_DIR.into(),
        }
    }

    /// How long a result is kept.
    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 24 * 3600)
    }

    /// The token's file given by a flag.
    ///
    /// # Errors
    /// When it is missing.
    pub(crate) fn token_file(&self) -> Result<PathBuf, Error> {
        self.token_file.clone().ok_or_else(|| Error::Flags("--token-file FILE is needed".to_owned()))
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "must be ADDRESS:PORT".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the API speaks plain HTTP and its token would travel in the clear: only a loopback address \
             (127.0.0.1 or [::1]) is allowed; put a TLS proxy before it"
            .to_owned())
    }
}

fn host_id(text: &str) -> Result<String, String> {
    if crate::agents::tls::can_name_a_host(text) {
        Ok(text.to_owned())
    } else {
        Err("a host id has to stand in a certificate as a DNS name: labels of letters, digits, '-' and '_', \
             the last one not of digits alone"
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
    fn without_dev_the_certificates_have_to_be_named() {
        let flags = Flags::try_parse_from(["x", "--cert", "a"]).unwrap();
        assert!(flags.tls_files().unwrap_err().to_string().contains("--client-ca"));
        assert!(Flags::try_parse_from(["x", "--dev", "d", "--cert", "a"]).is_err());
        assert!(Flags::try_parse_from(["x", "--init-only"]).is_err());
        assert!(Flags::try_parse_from(["x", "--dev", "d", "--dev-host", "a/b"]).is_err());
    }
}
