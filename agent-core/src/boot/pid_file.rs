//! The pid file: a lock held for life (flock(2)), with the holder's pid inside for people and
//! scripts. Owned by [`super::supervise`].
//!
//! The lock decides, never the number: a file that nobody holds is stale, whatever it says.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{io, process};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::own_file;
use crate::Error;

/// The file's mode: anyone may learn whom to signal.
const MODE: u32 = 0o644;

/// How often the file may vanish between being opened and being locked: once for each launcher
/// that is just ending, so one is usual and more is a race with something else.
const ATTEMPTS: u32 = 8;

/// More than any pid takes.
const PID_BYTES: usize = 16;

/// The file, locked. Dropped, it is removed if it is still the one at its path.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Takes the lock and writes this process's pid, in place of a stale one.
    ///
    /// # Errors
    /// [`Error::BootRuns`] when another process holds it; [`Error::Refused`] for what
    /// [`own_file`] refuses; [`Error::File`] when it cannot be opened or written.
    pub(super) fn acquire(path: &Path) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(false).mode(MODE);
            let file = own_file::open(path, options)?;
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((file, Errno::EWOULDBLOCK)) => {
                    return Err(Error::BootRuns { pid_file: path.into(), pid: pid_in(&file) });
                }
                Err((_, errno)) => return Err(Error::File { path: path.into(), source: errno.into() }),
            };
            let held = Self { path: path.into(), file };
            // Its last holder may have removed it before letting go: that lock guards nothing.
            if held.is_at_its_path() {
                held.write_pid().map_err(|source| Error::File { path: path.into(), source })?;
                return Ok(held);
            }
        }
        Err(Error::Refused { path: path.into(), why: "it is replaced over and over".into() })
    }

    fn write_pid(&self) -> io::Result<()> {
        let text = format!("{}\n", process::id());
        // Written over, then cut: at no moment is the file empty.
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
            // Left behind it is merely stale, and the next launcher takes it over.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The number a pid file holds, if it is one.
fn pid_in(file: &File) -> Option<u32> {
    let mut text = [0; PID_BYTES];
    let length = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}
