//! Opens a file that must be our own: the pid file and the log, which may lie in /tmp, where anyone
//! can create a file or link of the same name.
//!
//! Refuses hard and symbolic links, everything that is not a regular file, and files of other
//! users.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::geteuid;

use super::Error;

/// Opens `path` with `options` and checks the opened file, not the name, so there is no race.
///
/// Never blocks, not even on a FIFO: O_NONBLOCK prevents that, and has no effect on a regular file.
///
/// # Errors
/// [`Error::Refused`] for the cases in the module's documentation, [`Error::File`] for other
/// failures.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    let refused = |why: String| Err(Error::Refused { path: path.into(), why });
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match options.custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(source) => {
            return match source.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ELOOP) => refused("it is a symbolic link".into()),
                Some(Errno::EISDIR) => refused("it is a directory".into()),
                Some(Errno::ENXIO) => refused("it is not a regular file".into()),
                _ => Err(Error::File { path: path.into(), source }),
            };
        }
    };
    let metadata = file.metadata().map_err(|source| Error::File { path: path.into(), source })?;
    if !metadata.is_file() {
        return refused("it is not a regular file".into());
    }
    if metadata.nlink() > 1 {
        return refused("it has another name (a hard link)".into());
    }
    // Everyone trusts root's files: an administrator may have created the log for a user.
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return refused(format!("it belongs to another user (uid {})", metadata.uid()));
    }
    Ok(file)
}
