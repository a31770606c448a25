//! The use of devices: mounts (/proc/self/mountinfo) and swap areas (/proc/swaps).

use std::path::Path;

use readers::escape::octal_text;
use readers::mountinfo::{self, Line};
use readers::{file, text};

/// All mounts, and all swap areas.
pub(crate) struct Mounted {
    mounts: Vec<Line>,
    swaps: Vec<String>,
}

impl Mounted {
    pub(crate) fn read(root: &Path) -> Self {
        let swaps = file::text(&root.join("proc/swaps")).unwrap_or_default();
        // The first line names the columns.
        let path = |line: &str| {
            line.split([' ', '\t']).next().filter(|path| !path.is_empty()).map(octal_text)
        };
        Self {
            mounts: mountinfo::read(&root.join("proc/self/mountinfo")).unwrap_or_default(),
            swaps: swaps.split('\n').skip(1).filter_map(path).collect(),
        }
    }

    /// Returns where a device is mounted, and the type of its file system. Some file systems
    /// (btrfs) have device numbers of their own: the source's name identifies the device there.
    pub(crate) fn of(&self, device: &str, paths: &[String]) -> (Vec<String>, Option<String>) {
        let is_it = |mount: &&Line| {
            mount.device == device || paths.iter().any(|path| path.as_bytes() == mount.source)
        };
        let mut targets: Vec<String> = Vec::new();
        let mut kind = None;
        for mount in self.mounts.iter().filter(is_it) {
            let target = text::lossy(mount.mountpoint.clone());
            if !targets.contains(&target) {
                targets.push(target);
            }
            kind.get_or_insert_with(|| mount.kind.clone());
        }
        (targets, kind)
    }

    /// Returns whether memory is swapped to one of these paths.
    pub(crate) fn is_swap(&self, paths: &[String]) -> bool {
        self.swaps.iter().any(|swap| paths.contains(swap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_number_or_name() {
        let mounted = Mounted {
            mounts: mountinfo::parse(
                b"1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 0:40 /@ /b rw - btrfs /dev/sda2 rw\n\
                  3 1 8:1 /x / rw - ext4 a rw\n4 1 8:4 / /my\\040disk rw - xfs /dev/sda4 rw\n",
            ),
            swaps: vec!["/dev/dm-0".to_owned()],
        };
        let of = |device: &str, path: &str| mounted.of(device, &[path.to_owned()]);
        assert_eq!(of("8:1", "/dev/sda1"), (vec!["/".to_owned()], Some("ext4".to_owned())));
        assert_eq!(of("8:2", "/dev/sda2"), (vec!["/b".to_owned()], Some("btrfs".to_owned())));
        assert_eq!(of("8:3", "/dev/sda3"), (vec![], None));
        assert_eq!(of("8:4", "/dev/sda4"), (vec!["/my disk".to_owned()], Some("xfs".to_owned())));
        assert!(mounted.is_swap(&["/dev/mapper/swap".to_owned(), "/dev/dm-0".to_owned()]));
    }
}
