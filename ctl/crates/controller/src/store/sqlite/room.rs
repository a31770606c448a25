//! Whether the disk has room, and takes what is written.

use nix::sys::statvfs::statvfs;
use nix::unistd::Uid;
use rusqlite::Connection;
use std::path::Path;

/// With less free than this, the next write may fail.
const LEAST_FREE: u64 = 1 << 20;

/// Checks that the disk of the state directory has room.
///
/// # Errors
/// A sentence that says how much is left.
pub(super) fn check(dir: &Path) -> Result<(), String> {
    // Where the directory cannot be reached, other checks say so.
    let Ok(disk) = statvfs(dir) else { return Ok(()) };
    // Some blocks may be kept for root.
    let blocks =
        if Uid::effective().is_root() { disk.blocks_free() } else { disk.blocks_available() };
    let free = blocks.saturating_mul(disk.fragment_size());
    if free >= LEAST_FREE {
        return Ok(());
    }
    Err(format!("the disk of {} is full ({} KiB are left); make room", dir.display(), free >> 10))
}

/// Writes a page, with the content that it has.
pub(super) fn try_writing(connection: &Connection) -> rusqlite::Result<()> {
    const PRAGMA: &str = "user_version";
    let version: i64 = connection.pragma_query_value(None, PRAGMA, |row| row.get(0))?;
    connection.pragma_update(None, PRAGMA, version)
}
