//! The policy's file: it is read only if nobody but root or the agent's own user could have written
//! it.

use super::Policy;
use nix::unistd::Uid;
use plugin_api::host::check_folder;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where the policy is unless the `policy` setting names another place; it may be missing there.
const DEFAULT_PATH: &str = "/etc/basicagent/policy.toml";

/// Larger files are rejected.
const MAX_BYTES: u64 = 1 << 20;

/// Why a policy file can't be used.
#[derive(Debug)]
pub(crate) enum Error {
    /// It can't be read.
    Read { path: PathBuf, source: io::Error },
    /// Somebody else could have written it, or it is not a regular file.
    Untrusted { path: PathBuf, why: String },
    /// Its text is not a policy.
    Invalid { path: PathBuf, why: String },
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
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(source) => return Err(unreadable(source)),
    };
    check(path, &file).map_err(|why| Error::Untrusted { path: path.to_owned(), why })?;
    let mut text = String::new();
    (&file).take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    let policy = Policy::parse(&text);
    policy.map(Some).map_err(|why| Error::Invalid { path: path.to_owned(), why })
}

fn open(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: a FIFO in its place must not block the agent.
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Checks who could have written the open file, or put another in its place.
fn check(path: &Path, file: &File) -> Result<(), String> {
    // The file was opened by a path through these folders. When they pass the check now, nobody
    // else can have changed them in between.
    let folder = path.parent().ok_or("it is not a file")?;
    check_folder(folder).map_err(|error| error.to_string())?;
    let data = file.metadata().map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if data.uid() != 0 && data.uid() != Uid::effective().as_raw() {
        return Err(format!("it belongs to uid {}, not to root or the agent's user", data.uid()));
    }
    if data.mode() & 0o022 != 0 {
        let mode = data.mode() & 0o7777;
        return Err(format!(
            "it is writable by its group or others (mode {mode:04o}); use chmod go-w"
        ));
    }
    if data.len() >= MAX_BYTES {
        return Err(format!("it has {} bytes; it must have fewer than {MAX_BYTES}", data.len()));
    }
    Ok(())
}
