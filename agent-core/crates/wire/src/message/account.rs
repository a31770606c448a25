//! The user or group that a request names (§5).

use serde::Serialize;
use std::fmt;

/// A user or a group of the host, as a request names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum AccountId {
    /// A JSON string: a name, or the digits of an id where no account has them as its name.
    Name(String),
    /// A JSON number: an id, never a name.
    Number(u64),
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(id) => id.fmt(f),
        }
    }
}

impl From<String> for AccountId {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<&str> for AccountId {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}
