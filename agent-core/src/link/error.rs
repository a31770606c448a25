//! Why there is no channel.

use super::reconnect::MAX_REDIRECTS;
use crate::named_file;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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
    /// TLS files that can't be used.
    Tls(Vec<TlsProblem>),
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

/// One of the files of `[tls]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsFile {
    Ca,
    Cert,
    Key,
}

/// A TLS file, or a part of one, that can't be used.
#[derive(Debug)]
pub(crate) enum TlsProblem {
    /// It can't be read.
    Read {
        /// Its setting.
        which: TlsFile,
        /// The file.
        path: PathBuf,
        /// Why it can't be read.
        source: named_file::Error,
    },
    /// It does not hold what its setting needs.
    Content {
        /// Its setting.
        which: TlsFile,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl TlsProblem {
    pub(super) fn content(which: TlsFile, path: &Path, why: String) -> Self {
        Self::Content { which, path: path.to_owned(), why }
    }
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ca => "tls.ca",
            Self::Cert => "tls.cert",
            Self::Key => "tls.key",
        })
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { which, path, source } => {
                write!(f, "{which}: cannot read {}: {source}", path.display())
            }
            Self::Content { which, path, why } => write!(f, "{which}: {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for TlsProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Content { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { name, source } => write!(f, "no address for {name}: {source}"),
            Self::Tls(problems) => {
                for (number, problem) in problems.iter().enumerate() {
                    write!(f, "{}{problem}", if number == 0 { "" } else { "; " })?;
                }
                Ok(())
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
            Self::Resolve { source, .. } | Self::Connection { source, .. } => Some(source),
            Self::Tls(problems) => problems.first().and_then(std::error::Error::source),
            Self::TlsVersion(source) => Some(source),
            Self::Protocol { .. } | Self::TooSlow { .. } | Self::RedirectLoop { .. } => None,
        }
    }
}
