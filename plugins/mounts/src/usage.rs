//! The usage of a file system: statvfs(3), here or in a process of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;
use plugin_api::apart::{self, FileSystem};
use readers::mountinfo::Line;
use serde::Serialize;

/// The `usage` object of a mount.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Usage {
    /// Size in bytes.
    pub(crate) size_bytes: u64,
    /// Bytes in use.
    pub(crate) used_bytes: u64,
    /// Free bytes, including those reserved for root.
    pub(crate) free_bytes: u64,
    /// Bytes available to ordinary users.
    pub(crate) available_bytes: u64,
    /// Percentage used as df(1) computes it: used bytes of used and available bytes, rounded up.
    pub(crate) used_percent: Option<u64>,
    /// The number of inodes; null if the file system has no fixed number.
    pub(crate) inodes: Option<u64>,
    /// Inodes in use.
    pub(crate) inodes_used: Option<u64>,
    /// Free inodes.
    pub(crate) inodes_free: Option<u64>,
    /// The unit in which space is allocated.
    pub(crate) block_size_bytes: u64,
}

/// Types of network file systems and of file systems that a process serves: they may not reply at
/// all.
const SLOW: [&str; 22] = [
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse",
    "fuseblk",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "pvfs2",
    "smb3",
    "smbfs",
];

/// Returns whether a query may block.
pub(crate) fn is_slow(kind: &str) -> bool {
    SLOW.contains(&kind) || kind.starts_with("fuse.") || kind.starts_with("nfs")
}

/// Types of file systems that lie on others.
const LAYERED: [&str; 3] = ["aufs", "ecryptfs", "overlay"];

/// Returns whether a file system lies on another one, or a device on a file: on a slow one,
/// perhaps.
pub(crate) fn is_layered(line: &Line) -> bool {
    LAYERED.contains(&line.kind.as_str()) || line.source.starts_with(b"/dev/loop")
}

/// Queries the usage; `None` if the path cannot be reached, or if nothing is stored there, as in
/// /proc.
pub(crate) fn read(path: &Path) -> Option<Usage> {
    let stat = statvfs(path).ok()?;
    Usage::of(&FileSystem {
        block_size: stat.fragment_size(),
        blocks: stat.blocks(),
        blocks_free: stat.blocks_free(),
        blocks_available: stat.blocks_available(),
        files: stat.files(),
        files_free: stat.files_free(),
    })
}

/// Queries the usage in a process of its own, so that this one can end although the file system
/// hangs. `None` also if there is no answer before the deadline.
pub(crate) fn read_apart(path: &Path, deadline: Instant) -> Option<Usage> {
    let time = deadline.checked_duration_since(Instant::now())?.max(Duration::from_millis(1));
    Usage::of(&apart::statfs(path, time).ok()?)
}

impl Usage {
    fn of(found: &FileSystem) -> Option<Self> {
        let bytes = |blocks: u64| blocks.saturating_mul(found.block_size);
        let used = found.blocks.saturating_sub(found.blocks_free);
        let has_files = |count: u64| (found.files > 0).then_some(count);
        (found.blocks > 0).then(|| Self {
            size_bytes: bytes(found.blocks),
            used_bytes: bytes(used),
            free_bytes: bytes(found.blocks_free),
            available_bytes: bytes(found.blocks_available),
            used_percent: percent(used, found.blocks_available),
            inodes: has_files(found.files),
            inodes_used: has_files(found.files.saturating_sub(found.files_free)),
            inodes_free: has_files(found.files_free),
            block_size_bytes: found.block_size,
        })
    }
}

fn percent(used: u64, available: u64) -> Option<u64> {
    let all = u128::from(used) + u128::from(available);
    u64::try_from((u128::from(used) * 100).checked_add(all.checked_sub(1)?)? / all).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_rounded_up() {
        for (used, available, want) in [
            (0, 0, None),
            (0, 1, Some(0)),
            (1, 999, Some(1)),
            (1, 1, Some(50)),
            (5, 0, Some(100)),
            (u64::MAX, u64::MAX, Some(50)),
        ] {
            assert_eq!(percent(used, available), want, "{used} {available}");
        }
    }

    #[test]
    fn network_file_systems_are_slow() {
        for (kind, want) in [
            ("nfs4", true),
            ("fuse.sshfs", true),
            ("fusectl", false),
            ("ext4", false),
            ("overlay", false),
            ("", false),
        ] {
            assert_eq!(is_slow(kind), want, "{kind}");
        }
    }
}
