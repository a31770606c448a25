//! Notices that a file or directory of the store was removed, moved or replaced while it is open:
//! the next start of the agent would not find what is written to it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Checks that a path still leads to the file with this metadata.
///
/// # Errors
/// It does not, or cannot be read.
pub(super) fn check(path: &Path, opened: &Metadata) -> io::Result<()> {
    let why = match fs::symlink_metadata(path) {
        Ok(now) if (now.dev(), now.ino()) == (opened.dev(), opened.ino()) => return Ok(()),
        Ok(_) => "was replaced".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "was removed or moved".to_owned(),
        Err(error) => format!("cannot be read ({error})"),
    };
    let path = path.display();
    Err(io::Error::other(format!(
        "{path} {why} while the agent runs; put it back, or restart the agent to begin anew"
    )))
}
