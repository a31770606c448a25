//! Why a configuration cannot be used.

use crate::named_file;
use std::fmt;
use std::path::PathBuf;

/// A configuration that cannot be used. The message names the file and line, or the key.
#[derive(Debug)]
pub(crate) enum Error {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: named_file::Error,
    },
    /// The file is not text.
    Encoding {
        /// The file.
        path: PathBuf,
        /// Where it stops being UTF-8.
        source: std::str::Utf8Error,
    },
    /// The file is not TOML, or a value in it has the wrong type or an unknown key.
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's error, which shows the line.
        source: Box<toml::de::Error>,
    },
    /// A key has a value that is not allowed.
    Key {
        /// The key, as the file has it: `exec.grace`.
        key: &'static str,
        /// The fault in its value.
        why: String,
    },
}

impl Error {
    /// Returns whether the file may be readable later as it is.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.may_pass())
    }

    /// Returns the error for `key`.
    pub(super) fn key(key: &'static str, why: impl Into<String>) -> Self {
        Self::Key { key, why: why.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Encoding { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Syntax { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Key { key, why } => write!(f, "{key}: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Encoding { source, .. } => Some(source),
            Self::Syntax { source, .. } => Some(source),
            Self::Key { .. } => None,
        }
    }
}
