//! Why there is no channel.

use super::reconnect::MAX_REDIRECTS;
use crate::{enroll, named_file};
use agent_wire::Retcode;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cure where neither the operator nor a server has given the host a certificate.
pub(crate) const NOT_JOINED: &str = "this host has not joined a server: run the line that \
                                     BasicAgentCtl token create prints, or set [enroll] or [tls] \
                                     in agent.toml";

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
    /// The server rejects the host's certificate, or the identity in it.
    Rejected {
        /// The server.
        peer: SocketAddr,
        /// Its reason.
        why: String,
        /// Whether the reason is that the certificate's time is over.
        is_expired: bool,
    },
    /// A server that the host would join through could not be verified. It got nothing.
    Unverified {
        /// The server.
        peer: SocketAddr,
        /// What is wrong with its certificate.
        why: String,
    },
    /// The server has no time for the agent now.
    Busy {
        /// The server.
        peer: SocketAddr,
        /// When the agent asks again.
        retry_after: Duration,
    },
    /// The host joins or recovers, and an operator has to approve it.
    Pending {
        /// The host's id, as the operator sees it.
        host_id: String,
        /// When the agent asks again.
        retry_after: Duration,
    },
    /// The server does not let the host join or recover.
    Refused {
        /// The server.
        peer: SocketAddr,
        /// The reply's retcode.
        retcode: u16,
        /// The reply's message, shortened and escaped.
        message: String,
        /// When another attempt may have another outcome.
        retry_after: Option<Duration>,
    },
    /// The host's enrolled identity cannot be used or changed.
    Identity(enroll::Error),
    /// The join token's file cannot be used.
    Token {
        /// The file.
        path: PathBuf,
        /// Why not.
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
    /// The CAs of `[enroll]`, or of the subcommand `enroll`.
    Anchor,
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
            Self::Anchor => "ca",
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
            Self::Protocol { peer, why }
            | Self::Rejected { peer, why, .. }
            | Self::Unverified { peer, why } => write!(f, "{peer}: {why}"),
            Self::Busy { peer, retry_after } => {
                write!(f, "{peer} is busy for {} s", retry_after.as_secs())
            }
            Self::Pending { host_id, retry_after } => write!(
                f,
                "an operator has to approve this host, {host_id}, on the controller; asking again \
                 in {} s",
                retry_after.as_secs()
            ),
            Self::Refused { peer, retcode, message, .. } => {
                write!(f, "{peer} refuses: {retcode} {message}{}", cure(*retcode))
            }
            Self::Identity(error) => error.fmt(f),
            Self::Token { path, why } => write!(f, "token_file: {}: {why}", path.display()),
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
            Self::Identity(error) => error.source(),
            Self::Protocol { .. }
            | Self::Rejected { .. }
            | Self::Unverified { .. }
            | Self::Busy { .. }
            | Self::Pending { .. }
            | Self::Refused { .. }
            | Self::Token { .. }
            | Self::TooSlow { .. }
            | Self::RedirectLoop { .. } => None,
        }
    }
}

/// Says what an operator has to do where a server refuses to let the host join or recover.
pub(super) fn cure(retcode: u16) -> &'static str {
    let known = Retcode::ALL.into_iter().find(|known| known.number() == retcode);
    match known {
        Some(
            Retcode::TokenUnknown
            | Retcode::TokenExpired
            | Retcode::TokenUsedUp
            | Retcode::TokenRevoked,
        ) => "; get a new join line: BasicAgentCtl token create",
        Some(Retcode::TokenNetwork) => {
            "; use a token that admits this host's network, or another way to the server"
        }
        Some(Retcode::IdentityRefused) => {
            "; to join the host again, with a new key: BasicAgent enroll --replace"
        }
        _ => "",
    }
}
