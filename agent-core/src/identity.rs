//! The host's identity: the `host_id` setting, or an id that the first start generates and keeps in
//! `state_dir`.
//!
//! The file also stores the machine id: a cloned image has another machine id and therefore gets a
//! new host id. The state directory is locked for the life of the process, since two agents must
//! not share one identity and one journal.

use crate::{durable, trust};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const FILE: &str = "host_id.json";
const MACHINE_ID: &str = "/etc/machine-id";

/// Bytes that are read of either file; both are much smaller.
const MAX_BYTES: u64 = 64 << 10;

/// The host's identity, and the lock on the state directory.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The id that the agent sends in `init`.
    pub(crate) host_id: String,
    _lock: Flock<File>,
}

#[derive(Serialize, Deserialize)]
struct IdFile {
    host_id: String,
    #[serde(default)]
    machine_id: Option<String>,
}

/// A state directory that cannot be used.
#[derive(Debug)]
pub(crate) enum Error {
    /// Another agent uses the state directory.
    AlreadyRunning {
        /// The directory.
        state_dir: PathBuf,
    },
    /// The directory or a file in it cannot be read or written.
    File {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Somebody else could have written the directory or a file in it.
    Untrusted(trust::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRunning { state_dir } => {
                write!(f, "another BasicAgent is running with state_dir = {}", state_dir.display())
            }
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Untrusted(error) => write!(f, "state_dir: rejected: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AlreadyRunning { .. } => None,
            Self::File { source, .. } => Some(source),
            Self::Untrusted(error) => Some(error),
        }
    }
}

impl Identity {
    /// Opens the state directory, creates it (0700) if it is missing, locks it, and reads or
    /// generates the host id.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`]; [`Error::File`] when the directory cannot be used;
    /// [`Error::Untrusted`] when somebody else could have written it: its tasks run as root.
    pub(crate) fn open(state_dir: &Path, configured: Option<&str>) -> Result<Self, Error> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(at(state_dir))?;
        check_state_dir(state_dir)?;
        let lock_path = state_dir.join("lock");
        let lock_file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        let lock =
            Flock::lock(lock_file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
                match errno {
                    nix::errno::Errno::EWOULDBLOCK => {
                        Error::AlreadyRunning { state_dir: state_dir.to_owned() }
                    }
                    other => Error::File { path: lock_path.clone(), source: other.into() },
                }
            })?;
        if let Some(id) = configured {
            return Ok(Self { host_id: id.to_owned(), _lock: lock });
        }
        let path = state_dir.join(FILE);
        let host_id = read_or_generate(&path, machine_id()).map_err(at(&path))?;
        Ok(Self { host_id, _lock: lock })
    }
}

/// Returns the id that a start has generated, if the state directory has one.
pub(crate) fn stored_host_id(state_dir: &Path) -> Option<String> {
    let bytes = durable::read(&state_dir.join(FILE), MAX_BYTES).ok()?;
    serde_json::from_slice::<IdFile>(&bytes).ok().map(|kept| kept.host_id)
}

/// Checks who could have written the state directory, the tasks and the identity in it; each may be
/// missing.
///
/// # Errors
/// [`Error::Untrusted`].
pub(crate) fn check_state_dir(state_dir: &Path) -> Result<(), Error> {
    for folder in [state_dir, &state_dir.join("tasks"), &state_dir.join("identity")] {
        if folder.exists() {
            trust::check_with_entries(folder).map_err(Error::Untrusted)?;
        }
    }
    Ok(())
}

/// Returns the machine id (machine-id(5)), which a cloned image does not share.
pub(crate) fn machine_id() -> Option<String> {
    let text = String::from_utf8(durable::read(Path::new(MACHINE_ID), MAX_BYTES).ok()?).ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Returns the stored id, or a new one if none is stored, the file is invalid, or it was written on
/// another machine.
fn read_or_generate(path: &Path, machine_id: Option<String>) -> io::Result<String> {
    match durable::read(path, MAX_BYTES) {
        Ok(bytes) => match serde_json::from_slice::<IdFile>(&bytes) {
            Ok(kept) if !agent_wire::message::Init::is_hostname(&kept.host_id) => {
                log::warn!("{}: contains no valid host id; generating a new one", path.display());
            }
            Ok(kept) if kept.machine_id == machine_id || machine_id.is_none() => {
                return Ok(kept.host_id);
            }
            Ok(_) => {
                log::info!("{}: from another machine; generating a new host id", path.display());
            }
            Err(error) => log::warn!("{}: {error}; generating a new host id", path.display()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let kept = IdFile { host_id: uuid::Uuid::new_v4().to_string(), machine_id };
    durable::write(path, &serde_json::to_vec(&kept)?)?;
    Ok(kept.host_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn the_id_is_kept_until_the_machine_id_changes() {
        let dir = Scratch::new("identity");
        let path = dir.file(FILE);
        let first = read_or_generate(&path, Some("m1".into())).unwrap();
        assert_eq!(read_or_generate(&path, Some("m1".into())).unwrap(), first);
        assert_eq!(read_or_generate(&path, None).unwrap(), first);
        let clone = read_or_generate(&path, Some("m2".into())).unwrap();
        assert_ne!(clone, first);
        std::fs::write(&path, "{").unwrap();
        assert_ne!(read_or_generate(&path, Some("m2".into())).unwrap(), clone);
    }

    #[test]
    fn two_agents_never_share_a_state_directory() {
        let scratch = Scratch::new("identity");
        let dir = scratch.file("state");
        let first = Identity::open(&dir, Some("a")).unwrap();
        assert!(matches!(Identity::open(&dir, Some("a")), Err(Error::AlreadyRunning { .. })));
        drop(first);
        Identity::open(&dir, Some("a")).unwrap();
    }
}
