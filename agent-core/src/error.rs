//! The crate's one error: what went wrong in words an operator can act on.
//!
//! [`crate::dispatch`] maps each variant to its wire retcode in one function; the log may hold more
//! than the peer is told.

use std::fmt;

/// Anything that can go wrong in the agent. Each message names the path, user, field or address.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No such account on this host (NSS asked): the name or number as given.
    NoSuchUser(String),
    /// No such group on this host (NSS asked): the name or number as given.
    NoSuchGroup(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchUser(user) => write!(f, "no such user: {user}"),
            Self::NoSuchGroup(group) => write!(f, "no such group: {group}"),
        }
    }
}

impl std::error::Error for Error {}
