//! The policy's file: it is read only if nobody but root or the agent's own user could have written
//! it.

use super::Policy;
use crate::config::Fault;
use crate::named_file::{self, Writers};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the policy is unless the `policy` setting names another place; it may be missing there.
const DEFAULT_PATH: &str = "/etc/basicagent/policy.toml";

/// Files that are larger are rejected.
const MAX_BYTES: u64 = 1 << 20;

/// Why a policy file can't be used.
#[derive(Debug)]
pub(crate) enum Error {
    /// It can't be read.
    Read { path: PathBuf, source: named_file::Error },
    /// Somebody else could have written it, or it is not a regular file.
    Untrusted { path: PathBuf, why: String },
    /// Its text is not a policy.
    Invalid { path: PathBuf, why: String },
}

impl Error {
    /// Returns whether the file may be readable later as it is.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.may_pass())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => {
                write!(f, "cannot read the policy {}: {source}", path.display())
            }
            Self::Untrusted { path, why } => write!(f, "policy {} rejected: {why}", path.display()),
            Self::Invalid { path, why } => write!(f, "policy {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Untrusted { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// Reads the policy from `named`, or else from [`DEFAULT_PATH`]; `None` when there is none at the
/// latter.
///
/// # Errors
/// The reason why the file can't be used.
pub(crate) fn load(named: Option<&Path>) -> Result<Option<Policy>, Error> {
    let Some(text) = text(named)? else { return Ok(None) };
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    Policy::parse(&text).map(Some).map_err(|why| Error::Invalid { path: path.to_owned(), why })
}

/// A policy with everything that is wrong in it, each with file and line.
pub(crate) struct Examined {
    pub(crate) policy: Policy,
    pub(crate) problems: Vec<String>,
    pub(crate) path: PathBuf,
    text: String,
}

impl Examined {
    /// Returns the file, and the line that first names a method, user or group.
    pub(crate) fn place(&self, name: &str) -> String {
        let path = self.path.display();
        let quoted = [format!("\"{name}\""), format!("'{name}'")];
        let mut lines = self.text.lines();
        match lines.position(|line| quoted.iter().any(|quoted| line.contains(quoted))) {
            Some(line) => format!("{path}:{}", line + 1),
            None => path.to_string(),
        }
    }

    /// Returns whether the file says nothing at all, and so allows everything.
    pub(crate) fn is_blank(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim);
        self.problems.is_empty() && lines.all(|line| line.is_empty() || line.starts_with('#'))
    }
}

/// Reads the policy as [`load`] does, as far as it can be understood.
///
/// # Errors
/// When the file cannot be read, or may not be trusted.
pub(crate) fn examine(named: Option<&Path>) -> Result<Option<Examined>, Error> {
    let Some(text) = text(named)? else { return Ok(None) };
    let path = named.unwrap_or(Path::new(DEFAULT_PATH)).to_owned();
    let (policy, faults) = Policy::examine(&text);
    let place = |fault: Fault| format!("{}:{}: {}", path.display(), fault.line, fault.why);
    let problems = faults.into_iter().map(place).collect();
    Ok(Some(Examined { policy, problems, path, text }))
}

fn text(named: Option<&Path>) -> Result<Option<String>, Error> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    let bytes = match named_file::read(path, MAX_BYTES, Writers::Trusted) {
        Ok(bytes) => bytes,
        Err(error) if named.is_none() && error.is_missing() => return Ok(None),
        Err(named_file::Error::Refused(why)) => {
            return Err(Error::Untrusted { path: path.to_owned(), why });
        }
        Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
    };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|error| Error::Invalid { path: path.to_owned(), why: error.to_string() })
}
