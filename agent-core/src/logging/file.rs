//! The log file, which can be reopened after a rotation.

use super::Error;
use nix::fcntl::{AtFlags, OFlag, open, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::Uid;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Links that one path may lead through; more are a loop (as for the kernel, path_resolution(7),
/// which allows 40).
const MAX_LINKS: usize = 8;

/// The log file. Clones write to the same one.
#[derive(Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
    // Writers hold the file, not the lock, so that a write that hangs does not hang a reopening.
    file: Arc<Mutex<Arc<File>>>,
}

impl LogFile {
    /// Opens a file for appending, and creates it if it is missing.
    ///
    /// # Errors
    /// It cannot be opened, is neither a regular file nor a character device, or is a link of
    /// somebody else.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = Arc::new(Mutex::new(Arc::new(appending(path)?)));
        Ok(Self { path: path.to_owned(), file })
    }

    /// Opens the path again; later lines go to the file that it names now.
    ///
    /// # Errors
    /// When the file cannot be opened; then the old file stays in use.
    pub(super) fn reopen(&self) -> Result<(), Error> {
        let fresh =
            appending(&self.path).map_err(|source| Error { path: self.path.clone(), source })?;
        *self.file.lock() = Arc::new(fresh);
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.lock().clone();
        (&*file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn appending(path: &Path) -> io::Result<File> {
    let path = followed(path)?;
    // O_NONBLOCK: a FIFO in its place must not block the agent. O_NOFOLLOW: a link that has come
    // since was not checked.
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_char_device() {
        return Ok(file);
    }
    Err(io::Error::other("it is neither a regular file nor a character device"))
}

/// Follows the links that `path` ends with, if root or the agent's own user made them: in a folder
/// that everyone can write to, anyone can put a link to a file of root's.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        // The link itself, so that its owner and its target are of the same link.
        let Ok(link) =
            open(&path, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
        else {
            // The caller's attempt to open it says why.
            return Ok(path);
        };
        let data = fstatat(&link, "", AtFlags::AT_EMPTY_PATH)?;
        if SFlag::from_bits_truncate(data.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
            return Ok(path);
        }
        if data.st_uid != 0 && data.st_uid != Uid::effective().as_raw() {
            return Err(io::Error::other(format!(
                "{} is a symbolic link that belongs to uid {}; only links of root and of the \
                 agent's user are followed",
                path.display(),
                data.st_uid
            )));
        }
        let target = readlinkat(&link, "")?;
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    Err(io::Error::other(format!("more than {MAX_LINKS} symbolic links; is it a loop?")))
}
