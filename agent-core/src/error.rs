//! The crate's one error: what went wrong in words an operator can act on.
//!
//! [`crate::dispatch`] maps each variant to its wire retcode in one function; the log may hold more
//! than the peer is told.

use crate::exec::StartError;
use crate::{plugin, schedule, task};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Anything that can go wrong in the agent. Each message names the path, user, field or address.
#[derive(Debug)]
pub(crate) enum Error {
    /// The configuration can't be used: the whole sentence, with file, line and key where known.
    Config(String),
    /// A file or directory of the agent's own can't be read or written.
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// boot's pid file or log is something that it will not touch.
    Refused {
        /// Which one.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// The server's name has no address.
    Resolve {
        /// The name as configured.
        name: String,
        /// What the resolver says.
        why: String,
    },
    /// A TLS file (`tls.ca`, `tls.cert`, `tls.key`) can't be used.
    TlsFile {
        /// The setting's key.
        key: &'static str,
        /// The file it names.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, a broken one, or a TLS peer that could not be verified.
    Connection {
        /// Whom the agent spoke to.
        peer: SocketAddr,
        /// What failed.
        source: io::Error,
    },
    /// A server that says something the protocol does not have.
    Protocol {
        /// Whom the agent spoke to.
        peer: SocketAddr,
        /// What it said, shortened and escaped.
        why: String,
    },
    /// A server that took longer than it may.
    TooSlow {
        /// Whom the agent spoke to.
        peer: SocketAddr,
        /// What it did not do in time.
        what: &'static str,
    },
    /// More redirects in a row than the protocol allows (§2).
    RedirectLoop {
        /// The address that sent the last one.
        peer: SocketAddr,
    },
    /// The host's policy does not let the controller do this.
    RefusedByPolicy {
        /// The rule's name; what it holds is the host's own.
        rule: String,
        /// The operator's words for the one who asks.
        reason: Option<String>,
    },
    /// A plugin's call failed.
    Plugin(plugin::Error),
    /// A command or a task was not started.
    Exec(StartError),
    /// A task or a job could not be accepted, found or changed.
    Task(task::Error),
    /// A job could not be set, changed or run.
    Schedule(schedule::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(why) => f.write_str(why),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Refused { path, why } => write!(f, "{}: refused: {why}", path.display()),
            Self::Resolve { name, why } => write!(f, "no address for {name}: {why}"),
            Self::TlsFile { key, path, why } => write!(f, "tls.{key} = {}: {why}", path.display()),
            Self::Connection { peer, source } => write!(f, "{peer}: {source}"),
            Self::Protocol { peer, why } => write!(f, "{peer}: {why}"),
            Self::TooSlow { peer, what } => write!(f, "{peer}: {what} took too long"),
            Self::RedirectLoop { peer } => {
                write!(f, "{peer}: more than {} redirects in a row", crate::link::MAX_REDIRECTS)
            }
            Self::RefusedByPolicy { rule, reason: Some(reason) } => write!(f, "{rule}: {reason}"),
            Self::RefusedByPolicy { rule, reason: None } => f.write_str(rule),
            Self::Plugin(error) => error.fmt(f),
            Self::Schedule(error) => error.fmt(f),
            Self::Exec(error) => error.fmt(f),
            Self::Task(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Exec(error)
    }
}

impl From<plugin::Error> for Error {
    fn from(error: plugin::Error) -> Self {
        Self::Plugin(error)
    }
}

impl From<task::Error> for Error {
    fn from(error: task::Error) -> Self {
        Self::Task(error)
    }
}

impl From<schedule::Error> for Error {
    fn from(error: schedule::Error) -> Self {
        Self::Schedule(error)
    }
}
