//! Notices that a file or directory of the store was removed, moved or replaced while it is open:
//! the next start of the agent would not find what is written to it.

use agent_sys::file_id::FileId;
use std::io;
use std::path::Path;

/// Checks that a path still leads to this file.
///
/// # Errors
/// It does not, or cannot be read.
pub(super) fn check(path: &Path, opened: FileId) -> io::Result<()> {
    let why = match FileId::at(path) {
        Ok(now) if now == opened => return Ok(()),
        Ok(_) => "was replaced".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "was removed or moved".to_owned(),
        Err(error) => format!("cannot be read ({error})"),
    };
    let path = path.display();
    Err(io::Error::other(format!(
        "{path} {why} while the agent runs; put it back, or restart the agent, which then creates a new one"
    )))
}
