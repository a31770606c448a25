//! Opens a file that must be ours: the pid file and the log, which may live in /tmp where anyone
//! can plant something under their names. Called by [`super::pid_file`] and [`super::log`].
//!
//! Refuses links, hard or symbolic, all that is no regular file, and files of other users.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::geteuid;

use crate::Error;

/// Opens `path` with `options` and checks what was opened, never what the name says (no race).
///
/// Never waits, not even for a FIFO's other end; the flag that sees to it does nothing to the
/// regular file that is left.
///
/// # Errors
/// [`Error::Refused`] as in the module's head, [`Error::File`] when open(2) fails otherwise.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    let refused = |why: String| Err(Error::Refused { path: path.into(), why });
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match options.custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(source) => {
            return match source.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ELOOP) => refused("it is a symbolic link".into()),
                Some(Errno::EISDIR) => refused("it is a directory".into()),
                Some(Errno::ENXIO) => refused("it is no regular file".into()),
                _ => Err(Error::File { path: path.into(), source }),
            };
        }
    };
    let metadata = file.metadata().map_err(|source| Error::File { path: path.into(), source })?;
    if !metadata.is_file() {
        return refused("it is no regular file".into());
    }
    if metadata.nlink() > 1 {
        return refused("it has another name (a hard link)".into());
    }
    // Root's files are trusted by everyone: an administrator may have made the log for a user.
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return refused(format!("it belongs to another user (uid {})", metadata.uid()));
    }
    Ok(file)
}
