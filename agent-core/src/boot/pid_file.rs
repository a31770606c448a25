//! The pid file: a lock held for boot's whole life (flock(2)), containing the holder's pid for
//! people and scripts. [`super::supervise`] owns it.
//!
//! Only the lock counts, never the number: a file that no process holds is stale, whatever it says.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{io, process};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Error;
use super::own_file;

/// The file's mode: everyone may read which process to signal.
const MODE: u32 = 0o644;

/// How often the file may disappear between open and lock: once for each launcher that is just
/// exiting, so once is usual and more is a race with something else.
const ATTEMPTS: u32 = 8;

/// More bytes than any pid has.
const PID_BYTES: usize = 16;

/// The locked file. Drop removes it if its path still names it.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Locks the file and writes this process's pid over a stale one.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`] when another process holds the lock; [`Error::Refused`] from
    /// [`own_file`]; [`Error::File`] when it cannot be opened or written.
    pub(super) fn acquire(path: &Path) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(false).mode(MODE);
            let file = own_file::open(path, options)?;
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((file, Errno::EWOULDBLOCK)) => {
                    return Err(Error::AlreadyRunning {
                        pid_file: path.into(),
                        pid: pid_in(&file),
                    });
                }
                Err((_, errno)) => {
                    return Err(Error::File { path: path.into(), source: errno.into() });
                }
            };
            let held = Self { path: path.into(), file };
            // The last holder may have removed the file before unlocking it: such a lock guards
            // nothing.
            if held.is_at_its_path() {
                held.write_pid().map_err(|source| Error::File { path: path.into(), source })?;
                return Ok(held);
            }
        }
        Err(Error::Refused { path: path.into(), why: "another process keeps replacing it".into() })
    }

    fn write_pid(&self) -> io::Result<()> {
        let text = format!("{}\n", process::id());
        // Overwritten, then truncated: the file is never empty.
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(text.len() as u64)?;
        self.file.set_permissions(Permissions::from_mode(MODE))
    }

    fn is_at_its_path(&self) -> bool {
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let there = fs::symlink_metadata(&self.path).map(id);
        there.is_ok_and(|there| self.file.metadata().is_ok_and(|ours| id(ours) == there))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.is_at_its_path() {
            // A file left behind is only stale; the next launcher takes it over.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the number in a pid file, if it contains one.
fn pid_in(file: &File) -> Option<u32> {
    let mut text = [0; PID_BYTES];
    let length = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}
