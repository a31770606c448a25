//! The file of the contexts, `$XDG_CONFIG_HOME/basicagent/contexts.json`.
//!
//! It holds tokens: it has mode 0600, and a file that others can read or write is refused, as ssh
//! does with keys. A change is written beside it, synced and renamed, under a lock, so that two
//! log-ins at once are both kept and a crash leaves the old file or the new one.

use super::entry::Entry;
use crate::error::Error;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Uid, User, geteuid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const NAME: &str = "contexts.json";
const NEW: &str = "contexts.json.new";
const LOCK: &str = "contexts.lock";

/// The most bytes that are read: hundreds of contexts with their CAs.
const MAX_SIZE: u64 = 16 << 20;

/// All contexts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Contexts {
    /// The context that is used where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// The contexts by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Entry>,
}

impl Contexts {
    /// Reads the file; without one, there are no contexts.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be read, or others could have.
    pub(crate) fn read() -> Result<Self, Error> {
        Self::read_in(&folder()?)
    }

    fn read_in(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed("read", &path, error)),
        };
        let about = file.metadata().map_err(|error| failed("read", &path, error))?;
        if about.mode() & 0o077 != 0 {
            return Err(Error::unavailable(format!(
                "{} holds tokens and is open to other users: chmod 600 it, and log in again if \
                 somebody may have read it",
                path.display()
            )));
        }
        let mut text = String::new();
        file.take(MAX_SIZE)
            .read_to_string(&mut text)
            .map_err(|error| failed("read", &path, error))?;
        serde_json::from_str(&text).map_err(|error| {
            Error::unavailable(format!(
                "{} is damaged: {error}; move it away and log in again",
                path.display()
            ))
        })
    }

    /// Reads the file, changes the contexts and writes them back; nobody else changes them
    /// meanwhile.
    ///
    /// # Errors
    /// What `change` returns, and then nothing is written; [`Error::Unavailable`] if the file
    /// cannot be read or written.
    pub(crate) fn update<T>(
        change: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Self::update_in(&folder()?, change)
    }

    fn update_in<T>(
        folder: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| failed("create", folder, error))?;
        let lock = folder.join(LOCK);
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&lock);
        let opened = opened.map_err(|error| failed("open", &lock, error))?;
        let _held = Flock::lock(opened, FlockArg::LockExclusive)
            .map_err(|(_, error)| failed("lock", &lock, error))?;
        let mut contexts = Self::read_in(folder)?;
        let done = change(&mut contexts)?;
        contexts.write_in(folder)?;
        Ok(done)
    }

    fn write_in(&self, folder: &Path) -> Result<(), Error> {
        let (path, new) = (folder.join(NAME), folder.join(NEW));
        let written = || -> std::io::Result<()> {
            // A leftover of a crash could have another mode.
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(folder)?.sync_all()
        };
        written().map_err(|error| {
            let _ = std::fs::remove_file(&new);
            failed("write", &path, error)
        })
    }
}

/// Returns the folder of the contexts.
///
/// # Errors
/// [`Error::Unavailable`] if the caller has no home.
fn folder() -> Result<PathBuf, Error> {
    // A relative path is to be ignored (XDG Base Directory Specification).
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let config = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").or_else(|| home(geteuid())).map(|home| home.join(".config")));
    config.map(|config| config.join("basicagent")).ok_or_else(|| {
        Error::unavailable("there is no folder for contexts: set HOME or XDG_CONFIG_HOME")
    })
}

fn home(uid: Uid) -> Option<PathBuf> {
    User::from_uid(uid).ok().flatten().map(|user| user.dir).filter(|dir| dir.is_absolute())
}

fn failed(
    what: &str,
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::unavailable_by(format!("cannot {what} {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use test_support::Scratch;

    fn entry(url: &str) -> Entry {
        Entry { url: url.to_owned(), ..Entry::default() }
    }

    #[test]
    fn every_one_of_many_changes_at_once_is_kept() {
        let scratch = Scratch::new("contexts");
        let folder = scratch.file("config");
        std::thread::scope(|scope| {
            for number in 0..20 {
                let folder = &folder;
                scope.spawn(move || {
                    let name = format!("c{number}");
                    Contexts::update_in(folder, |all| {
                        all.contexts.insert(name, entry("https://c.example"));
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(Contexts::read_in(&folder).unwrap().contexts.len(), 20);
        let mode = std::fs::metadata(folder.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_that_others_can_read_and_a_damaged_one_are_refused() {
        let scratch = Scratch::new("contexts");
        let folder = scratch.file("config");
        Contexts::update_in(&folder, |_| Ok(())).unwrap();
        let path = folder.join(NAME);
        let mode = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        let why = Contexts::read_in(&folder).unwrap_err().to_string();
        assert!(why.contains("chmod 600"), "{why}");
        mode(0o600);
        std::fs::write(&path, "{\"contexts\":{\"a\":").unwrap();
        let why = Contexts::update_in(&folder, |_| Ok(())).unwrap_err().to_string();
        assert!(why.contains("damaged"), "{why}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"contexts\":{\"a\":");
    }

    #[test]
    fn a_failed_change_writes_nothing() {
        let scratch = Scratch::new("contexts");
        let folder = scratch.file("config");
        let failed = Contexts::update_in(&folder, |all| {
            all.current = Some("x".to_owned());
            Err::<(), _>(Error::failed("no"))
        });
        assert!(failed.is_err() && !folder.join(NAME).exists());
    }
}
