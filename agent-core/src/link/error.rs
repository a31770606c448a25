//! Why there is no channel.

use super::reconnect::MAX_REDIRECTS;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server can't be found, reached or trusted. Each message names the address, the name or the
/// file.
#[derive(Debug)]
pub(crate) enum Error {
    /// A server's name has no address.
    Resolve {
        /// The name, as configured.
        name: String,
        /// The resolver's error.
        source: io::Error,
    },
    /// A TLS file can't be read.
    TlsFile {
        /// The setting: `ca`, `cert` or `key`.
        key: &'static str,
        /// The file it names.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A TLS file does not hold what its setting needs.
    TlsContent {
        /// The setting: `ca`, `cert` or `key`.
        key: &'static str,
        /// The file it names.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// No TLS version is left to speak.
    TlsVersion(tokio_rustls::rustls::Error),
    /// The connection failed or broke, or the server's certificate could not be verified.
    Connection {
        /// The server.
        peer: SocketAddr,
        /// What failed.
        source: io::Error,
    },
    /// The server broke the protocol, or refused the agent.
    Protocol {
        /// The server.
        peer: SocketAddr,
        /// The text that it sent, shortened and escaped.
        why: String,
    },
    /// The server took too long.
    TooSlow {
        /// The server.
        peer: SocketAddr,
        /// The step that took too long.
        what: &'static str,
    },
    /// More redirects in a row than the protocol allows (§2).
    RedirectLoop {
        /// The server that sent the last one.
        peer: SocketAddr,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { name, source } => write!(f, "no address for {name}: {source}"),
            Self::TlsFile { key, path, source } => {
                write!(f, "tls.{key}: cannot read {}: {source}", path.display())
            }
            Self::TlsContent { key, path, why } => {
                write!(f, "tls.{key}: {}: {why}", path.display())
            }
            Self::TlsVersion(source) => write!(f, "tls.min_version: {source}"),
            Self::Connection { peer, source } => write!(f, "{peer}: {source}"),
            Self::Protocol { peer, why } => write!(f, "{peer}: {why}"),
            Self::TooSlow { peer, what } => write!(f, "{peer}: {what} took too long"),
            Self::RedirectLoop { peer } => {
                write!(f, "{peer}: more than {MAX_REDIRECTS} redirects in a row")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { source, .. }
            | Self::TlsFile { source, .. }
            | Self::Connection { source, .. } => Some(source),
            Self::TlsVersion(source) => Some(source),
            Self::TlsContent { .. }
            | Self::Protocol { .. }
            | Self::TooSlow { .. }
            | Self::RedirectLoop { .. } => None,
        }
    }
}
