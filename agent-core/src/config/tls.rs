//! `[tls]`: the files and the version of the TLS channel.

use super::{Error, value};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use std::path::PathBuf;

/// The `[tls]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsSettings {
    /// CAs that servers' certificates must be issued by, in PEM.
    pub(crate) ca: PathBuf,
    /// This host's certificate chain, leaf first, in PEM.
    pub(crate) cert: PathBuf,
    /// The certificate's key, in PEM.
    pub(crate) key: PathBuf,
    /// The name that a server's certificate must carry; `None`: the server's own.
    pub(crate) server_name: Option<String>,
    /// The oldest TLS version that a server may speak.
    pub(crate) min_version: TlsVersion,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum TlsVersion {
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            ca: "/etc/basicagent/ca.pem".into(),
            cert: "/etc/basicagent/agent.pem".into(),
            key: "/etc/basicagent/agent.key".into(),
            server_name: None,
            min_version: TlsVersion::V13,
        }
    }
}

impl TlsSettings {
    pub(super) fn check(&self) -> Result<(), Error> {
        value::absolute("tls.ca", &self.ca)?;
        value::absolute("tls.cert", &self.cert)?;
        value::absolute("tls.key", &self.key)?;
        match &self.server_name {
            Some(name) if ServerName::try_from(name.as_str()).is_err() => {
                Err(Error::key("tls.server_name", "must be a DNS name or an address"))
            }
            _ => Ok(()),
        }
    }
}
