//! Small files that survive a crash: each has either its old content or its new one, whenever the
//! process or the host stops (fsync(2), rename(2)).
//!
//! The host id and the enrolled identity are kept this way. Tests stop at each step in turn.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Replaces a file (0600).
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o600)
}

/// Replaces a file of the given mode. The new content is on the disk before it gets the name.
pub(crate) fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    step()?;
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(fresh);
    let written = opened.and_then(|mut file| {
        step()?;
        file.write_all(bytes)?;
        step()?;
        file.sync_all()
    });
    if let Err(error) = written {
        // A full disk must not keep half a file.
        if !is_crash(&error) {
            let _ = std::fs::remove_file(fresh);
        }
        return Err(error);
    }
    rename(fresh, path)
}

/// Renames a file within its folder.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step()?;
    std::fs::rename(from, to)?;
    sync_folder_of(to)
}

/// Removes a file, if there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    step()?;
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the names in a file's folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    step()?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads at most `max` bytes of a file. A FIFO in its place has no content, and does not block the
/// agent.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    file.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(not(test))]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(not(test))]
fn is_crash(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
pub(crate) use crash::{after as crash_after, has_happened as has_crashed};
#[cfg(test)]
use crash::{is_crash, step};

/// Stops the steps of one thread at a chosen one, as a crash does.
#[cfg(test)]
mod crash {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        /// Steps until the crash; `None`: no crash.
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    const WORDS: &str = "the test's crash";

    /// Lets this many further steps happen on this thread, and none after them; `None`: all.
    pub(crate) fn after(steps: Option<usize>) {
        LEFT.set(steps);
    }

    /// Returns whether a step was stopped.
    pub(crate) fn has_happened() -> bool {
        LEFT.get() == Some(0)
    }

    pub(super) fn step() -> io::Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other(WORDS)),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }

    pub(super) fn is_crash(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.to_string() == WORDS)
    }
}
