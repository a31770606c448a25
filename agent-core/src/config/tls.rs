//! `[tls]`: the files and the version of the TLS channel.

use super::{Error, value};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use std::path::PathBuf;

/// The `[tls]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsSettings {
    /// CAs that servers' certificates must be issued by, in PEM.
    pub(crate) ca: Option<PathBuf>,
    /// This host's certificate chain, leaf first, in PEM.
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's key, in PEM.
    pub(crate) key: Option<PathBuf>,
    /// The name that a server's certificate must carry; `None`: the server's own.
    pub(crate) server_name: Option<String>,
    /// The oldest TLS version that a server may speak.
    pub(crate) min_version: TlsVersion,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum TlsVersion {
    #[serde(rename = "1.2")]
    V12,
    #[default]
    #[serde(rename = "1.3")]
    V13,
}

/// The files of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    /// Whether the host has joined and the agent keeps the files itself, in `state_dir`.
    pub(crate) enrolled: bool,
}

impl TlsSettings {
    /// Returns whether a file is named: then the operator provides them all.
    pub(crate) fn names_files(&self) -> bool {
        self.ca.is_some() || self.cert.is_some() || self.key.is_some()
    }

    /// Returns the operator's files: those that are named, and the default places of the others.
    pub(crate) fn files(&self) -> TlsFiles {
        let or = |named: &Option<PathBuf>, default: &str| {
            named.clone().unwrap_or_else(|| PathBuf::from(default))
        };
        TlsFiles {
            ca: or(&self.ca, "/etc/basicagent/ca.pem"),
            cert: or(&self.cert, "/etc/basicagent/agent.pem"),
            key: or(&self.key, "/etc/basicagent/agent.key"),
            enrolled: false,
        }
    }

    pub(super) fn check(&self, found: &mut Vec<Error>) {
        for (key, path) in [("tls.ca", &self.ca), ("tls.cert", &self.cert), ("tls.key", &self.key)]
        {
            found.extend(path.iter().filter_map(|path| value::absolute(key, path)));
        }
        if self.server_name.as_deref().is_some_and(|name| ServerName::try_from(name).is_err()) {
            found.push(Error::key("tls.server_name", "must be a DNS name or an address"));
        }
    }
}
