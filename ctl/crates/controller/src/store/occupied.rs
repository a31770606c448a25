//! What a database occupies.

use nix::sys::statvfs::statvfs;
use std::fs;
use std::path::Path;

/// What a database occupies, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occupied {
    /// The name of the engine.
    pub(crate) engine: &'static str,
    /// A directory, or a URL without its password.
    pub(crate) place: String,
    /// Bytes on disk; `None` where nobody can tell at present.
    pub(crate) bytes: Option<u64>,
    /// Bytes that are free on the disk; `None` where the disk is another machine's.
    pub(crate) free: Option<u64>,
}

impl Occupied {
    /// Reads what the files of a directory occupy. Blocks.
    pub(in crate::store) fn of_dir(engine: &'static str, dir: &Path) -> Self {
        let sizes = |entries: fs::ReadDir| {
            let files = entries.flatten().filter_map(|entry| entry.metadata().ok());
            files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
        };
        let free = |disk: nix::sys::statvfs::Statvfs| {
            disk.blocks_available().saturating_mul(disk.fragment_size())
        };
        Self {
            engine,
            place: dir.display().to_string(),
            bytes: fs::read_dir(dir).ok().map(sizes),
            free: statvfs(dir).ok().map(free),
        }
    }
}
