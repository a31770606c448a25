//! Who this host is: the `host_id` setting, or an id made at the first start and kept in `state_dir`.
//!
//! The file remembers the machine id beside the host id: a cloned image has another machine id and so gets a
//! host id of its own. The state directory is locked for the life of the process, since two agents
//! would fight over one identity and, later, one journal.

use crate::Error;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

const FILE: &str = "host_id.json";
const MACHINE_ID: &str = "/etc/machine-id";

/// The host's identity and the lock on the directory it lives in.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What `init` says.
    pub(crate) host_id: String,
    _lock: Flock<File>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    host_id: String,
    #[serde(default)]
    machine_id: Option<String>,
}

impl Identity {
    /// Opens the state directory, making it (0700) where it is missing, locks it, and settles the host id.
    ///
    /// # Errors
    /// [`Error::AlreadyRuns`], or [`Error::File`] when the directory can't be used.
    pub(crate) fn open(state_dir: &Path, configured: Option<&str>) -> Result<Self, Error> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(at(state_dir))?;
        let lock_path = state_dir.join("lock");
        let lock_file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        let lock =
            Flock::lock(lock_file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
                nix::errno::Errno::EWOULDBLOCK => Error::AlreadyRuns { state_dir: state_dir.to_owned() },
                other => Error::File { path: lock_path.clone(), source: other.into() },
            })?;
        if let Some(id) = configured {
            return Ok(Self { host_id: id.to_owned(), _lock: lock });
        }
        let path = state_dir.join(FILE);
        let host_id = settle(&path, machine_id()).map_err(at(&path))?;
        Ok(Self { host_id, _lock: lock })
    }
}

fn machine_id() -> Option<String> {
    let text = std::fs::read_to_string(MACHINE_ID).ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// The kept id, or a new one when there is none, it is unreadable, or the machine is another.
fn settle(path: &Path, machine_id: Option<String>) -> io::Result<String> {
    match std::fs::read(path) {
        Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
            Ok(kept) if !agent_wire::message::Init::is_hostname(&kept.host_id) => {
                log::warn!("{}: holds no host id; a new one is made", path.display());
            }
            Ok(kept) if kept.machine_id == machine_id || machine_id.is_none() => return Ok(kept.host_id),
            Ok(_) => log::info!("{}: made on another machine; this one gets its own host id", path.display()),
            Err(error) => log::warn!("{}: {error}; a new host id is made", path.display()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let kept = Kept { host_id: uuid::Uuid::new_v4().to_string(), machine_id };
    write_durably(path, &serde_json::to_vec(&kept)?)?;
    Ok(kept.host_id)
}

/// Replaces a file so that after a crash either the old or the new content is there (rename(2), fsync(2)).
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_until_the_machine_is_another() {
        let dir = std::env::temp_dir().join(format!("identity-{}", std::process::id()));
        DirBuilder::new().recursive(true).create(&dir).unwrap();
        let path = dir.join(FILE);
        let first = settle(&path, Some("m1".into())).unwrap();
        assert_eq!(settle(&path, Some("m1".into())).unwrap(), first);
        assert_eq!(settle(&path, None).unwrap(), first);
        let clone = settle(&path, Some("m2".into())).unwrap();
        assert_ne!(clone, first);
        std::fs::write(&path, "{").unwrap();
        assert_ne!(settle(&path, Some("m2".into())).unwrap(), clone);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn two_agents_never_share_a_state_directory() {
        let dir = std::env::temp_dir().join(format!("identity-lock-{}", std::process::id()));
        let first = Identity::open(&dir, Some("a")).unwrap();
        assert!(matches!(Identity::open(&dir, Some("a")), Err(Error::AlreadyRuns { .. })));
        drop(first);
        Identity::open(&dir, Some("a")).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
