//! What the flags mean: the settings that each part of the controller starts with.

use super::{Flags, Unknown};
use crate::agents::{ServerFiles, TlsFiles};
use crate::api::{HttpsFiles, HttpsSource};
use crate::bus::BusAddress;
use crate::error::Error;
use crate::facts::Settings as FactSettings;
use crate::identity::{self, CaSettings, GivenServer, IdentitySettings, RootKey};
use crate::store::{Bounds, Keep, NodeCard, Seat};
use agent_wire::DEFAULT_PORT;
use fleet::identity::UnknownHosts;
use nix::unistd::gethostname;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The state directory without `--state-dir` and `--dev`.
const DEFAULT_STATE_DIR: &str = "/var/lib/basicagent-controller";

/// TLS handshakes a second and processor without `--handshake-rate`: less than half of its time.
const HANDSHAKES_PER_PROCESSOR: u32 = 1000;
impl Flags {
    /// Returns the addresses where agents connect.
    pub(crate) fn listen(&self) -> Vec<SocketAddr> {
        match (&self.listen[..], &self.dev) {
            ([], None) => vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), DEFAULT_PORT)],
            ([], Some(_)) => vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT)],
            (some, _) => some.to_vec(),
        }
    }

    /// Returns the maximum number of TLS handshakes a second.
    pub(crate) fn handshake_rate(&self) -> u32 {
        self.handshake_rate.unwrap_or_else(|| {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            HANDSHAKES_PER_PROCESSOR.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX))
        })
    }

    /// Returns the PEM files named by flags.
    pub(crate) fn tls_files(&self) -> TlsFiles {
        let given = self.cert.clone().zip(self.key.clone());
        let server = given.map(|(cert, key)| ServerFiles { cert, key, ca: self.server_ca.clone() });
        TlsFiles { server, agent_ca: self.agent_ca.clone() }
    }

    /// Returns what the flags say about hosts.
    pub(crate) fn identity_settings(&self) -> IdentitySettings {
        IdentitySettings {
            certificate_life: Duration::from_secs(u64::from(self.certificate_hours) * 3600),
            recover_within: Duration::from_secs(u64::from(self.recover_days) * 24 * 3600),
            unknown: match self.unknown {
                Unknown::Accept => UnknownHosts::Accept,
                Unknown::Pending => UnknownHosts::Pending,
                Unknown::Refuse => UnknownHosts::Refuse,
            },
            enroll_rate: self.enroll_rate,
            enroll_rate_per_address: self.enroll_rate_per_address,
        }
    }

    /// Returns how the controller's own CA works, beside these files.
    ///
    /// # Errors
    /// When a name cannot be in a certificate.
    pub(crate) fn ca_settings(&self, files: &TlsFiles) -> Result<CaSettings, Error> {
        let given = files.server.as_ref().map(|it| GivenServer { server_ca: it.ca.clone() });
        Ok(CaSettings {
            dir: self.state_dir().join("ca"),
            root_key: match &self.root_key {
                None => RootKey::Beside,
                Some(path) if path.as_os_str() == "offline" => RootKey::Offline,
                Some(path) => RootKey::At(path.clone()),
            },
            names: identity::server_names(&self.name)?,
            given,
        })
    }

    /// Returns the certificate of the API: plain HTTP is for loopback only.
    pub(crate) fn https_source(&self) -> HttpsSource {
        let own = self.http_cert.clone().zip(self.http_key.clone());
        let agents = || self.cert.clone().zip(self.key.clone());
        match own {
            Some((cert, key)) => HttpsSource::Files(HttpsFiles { cert, key }),
            None if self.http.ip().is_loopback() => HttpsSource::Plain,
            None => match agents() {
                Some((cert, key)) => HttpsSource::Files(HttpsFiles { cert, key }),
                None => HttpsSource::OwnCa,
            },
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

    /// Returns for which facts hosts are asked, and when.
    pub(crate) fn facts_settings(&self) -> FactSettings {
        let defaults = FactSettings::default();
        let mut methods = self.facts_methods.clone();
        methods.dedup();
        let labels = self.fact_labels.iter().filter_map(|label| label.0.clone());
        FactSettings {
            methods: if methods.is_empty() { defaults.methods } else { methods },
            labels: match self.fact_labels[..] {
                [] => defaults.labels,
                _ => labels.collect(),
            },
            every: Duration::from_secs(u64::from(self.facts_hours) * 3600),
            rate: self.facts_rate,
        }
    }

    /// Returns the bus; `None` where the controller is the only one.
    ///
    /// # Errors
    /// When the URL is wrong, or a file cannot be read or trusted.
    pub(crate) fn bus(&self) -> Result<Option<BusAddress>, Error> {
        let Some(urls) = &self.bus else { return Ok(None) };
        BusAddress::parse(urls, self.bus_ca.as_deref(), self.bus_credentials.as_deref()).map(Some)
    }

    /// Returns how the controller uses its database, by the id of its state directory.
    pub(crate) fn seat(&self, id: String) -> Seat {
        if self.bus.is_none() {
            return Seat::Alone;
        }
        Seat::Node(NodeCard {
            id,
            name: self.node_name.clone().unwrap_or_else(host_name),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            // Known when the ports are open.
            agents: String::new(),
            http: String::new(),
        })
    }

    /// Returns why nobody could say where agents reach this node.
    ///
    /// # Errors
    /// When it listens on every address, and `--advertise` does not say which ones agents use.
    pub(crate) fn check_advertised(&self) -> Result<(), Error> {
        let everywhere = self.listen().iter().any(|listen| listen.ip().is_unspecified());
        if self.bus.is_some() && self.advertise.is_none() && everywhere {
            return Err(Error::Flags(
                "--bus needs --advertise ADDR, where agents reach this node, unless --listen says so"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Returns where agents reach this node, which listens there.
    pub(crate) fn advertised(&self, listen: SocketAddr) -> String {
        match &self.advertise {
            Some(given) => given.with_port(listen.port()),
            None => listen.to_string(),
        }
    }

    /// Returns the bounds on what is stored.
    pub(crate) fn bounds(&self) -> Bounds {
        let days = |days: u16| Duration::from_secs(u64::from(days) * 24 * 3600);
        let keep = Keep {
            results: days(self.keep_days),
            events: days(self.audit_days),
            runs: days(self.run_days),
            facts: days(self.facts_days),
        };
        let dir = self.database.is_none().then(|| self.state_dir());
        Bounds::new(
            dir.as_deref(),
            keep,
            self.max_store_mib,
            self.max_host_mib,
            self.max_run_mib,
            self.max_facts_mib,
        )
    }
}

/// Returns the name of this machine.
fn host_name() -> String {
    let name = gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn the_api_is_plain_on_loopback_only() {
        for (text, plain) in [
            ("127.0.0.1:0", true),
            ("127.8.8.8:1", true),
            ("[::1]:7480", true),
            ("0.0.0.0:7480", false),
            ("[::]:7480", false),
            ("10.0.0.1:7480", false),
        ] {
            let source = |more: &[&str]| {
                let flags = ["x", "--http", text].into_iter().chain(more.iter().copied());
                Flags::try_parse_from(flags).unwrap().https_source()
            };
            let files = |cert: &str, key: &str| {
                HttpsSource::Files(HttpsFiles { cert: cert.into(), key: key.into() })
            };
            let without = if plain { HttpsSource::Plain } else { HttpsSource::OwnCa };
            assert_eq!(source(&[]), without, "{text}");
            let agents = ["--cert", "a", "--key", "b"];
            let with = if plain { HttpsSource::Plain } else { files("a", "b") };
            assert_eq!(source(&agents), with, "{text}");
            let both = [&agents[..], &["--http-cert", "c", "--http-key", "k"]].concat();
            assert_eq!(source(&both), files("c", "k"), "{text}");
        }
        assert!(Flags::try_parse_from(["x", "--http", "localhost:7480"]).is_err());
        assert!(Flags::try_parse_from(["x", "--http-cert", "c"]).is_err());
    }
}
