//! Which identity the agent uses, and what has to happen before it has one.

use super::{Error, Folder, Joined, now};
use crate::config::{Config, TlsFiles};

/// Where the host's certificate comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the operator: the files of `[tls]`.
    Files(TlsFiles),
    /// From the server: the host has joined.
    Joined(Box<Joined>),
    /// From the server, but its time is over: the host has to recover.
    Expired(Box<Joined>),
    /// From the server, once the host has joined by `[enroll]`.
    Join,
}

/// Returns the source under a configuration. Files that `[tls]` names come first; without them the
/// identity of a host that has joined; then `[enroll]`; then the default places of the files.
///
/// # Errors
/// When the identity cannot be read, or is damaged.
pub(crate) fn source(config: &Config) -> Result<Source, Error> {
    if config.tls.names_files() {
        return Ok(Source::Files(config.tls.files()));
    }
    match Folder::of(&config.state_dir).joined()? {
        Some(joined) => {
            let now = now();
            let expired = joined.pairs.iter().all(|pair| joined.has_expired(pair, now));
            let joined = Box::new(joined);
            Ok(if expired { Source::Expired(joined) } else { Source::Joined(joined) })
        }
        None if config.enroll.is_set() => Ok(Source::Join),
        None => Ok(Source::Files(config.tls.files())),
    }
}
