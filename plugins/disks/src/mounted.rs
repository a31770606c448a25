//! What devices are in use for: /proc/self/mountinfo and /proc/swaps.

use std::path::Path;

use crate::file;

/// Mounts looked at.
const MAX_MOUNTS: usize = 20_000;

/// A mount of a device.
struct Mount {
    device: String,
    source: String,
    target: String,
    kind: String,
}

/// All mounts, and all swap areas.
pub(crate) struct Mounted {
    mounts: Vec<Mount>,
    swaps: Vec<String>,
}

impl Mounted {
    pub(crate) fn read(root: &Path) -> Self {
        let text = |path: &str| file::text(&root.join(path)).unwrap_or_default();
        let mounts = text("proc/self/mountinfo").lines().take(MAX_MOUNTS).filter_map(mount).collect();
        let swaps = text("proc/swaps");
        let swaps =
            swaps.lines().skip(1).filter_map(|line| Some(unescape(line.split_ascii_whitespace().next()?)));
        Self { mounts, swaps: swaps.collect() }
    }

    /// Where a device is mounted and as what. Some file systems (btrfs) have numbers of their own: there the
    /// source's name tells.
    pub(crate) fn of(&self, device: &str, paths: &[String]) -> (Vec<String>, Option<String>) {
        let is_it = |mount: &&Mount| mount.device == device || paths.contains(&mount.source);
        let found = || self.mounts.iter().filter(is_it);
        let mut targets: Vec<String> = Vec::new();
        for mount in found() {
            if !targets.contains(&mount.target) {
                targets.push(mount.target.clone());
            }
        }
        (targets, found().next().map(|mount| mount.kind.clone()))
    }

    pub(crate) fn is_swap(&self, paths: &[String]) -> bool {
        self.swaps.iter().any(|swap| paths.contains(swap))
    }
}

/// A line of proc_pid_mountinfo(5).
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(2);
    let (device, target) = (fields.next()?.to_owned(), unescape(fields.nth(1)?));
    let mut after = after.split(' ');
    Some(Mount { device, target, kind: after.next()?.to_owned(), source: unescape(after.next()?) })
}

/// Blanks, tabs, line ends and backslashes stand as `\040`.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_decoded() {
        let found = mount("36 35 8:1 / /my\\040disk rw shared:1 - ext4 /dev/sda1 rw").unwrap();
        assert_eq!(
            (found.device.as_str(), found.target.as_str(), found.source.as_str()),
            ("8:1", "/my disk", "/dev/sda1")
        );
        for line in ["", " - ", "1 2 3 - ext4 x", "36 35 8:1 / /x rw - ext4", "36 35 8:1 / /x rw ext4 x"] {
            assert!(mount(line).is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_device_is_known_by_number_or_name() {
        let mounted = Mounted {
            mounts: [
                "1 0 8:1 / / rw - ext4 /dev/root rw",
                "2 1 0:40 /@ /b rw - btrfs /dev/sda2 rw",
                "3 1 8:1 /x / rw - ext4 a rw",
            ]
            .iter()
            .filter_map(|line| mount(line))
            .collect(),
            swaps: vec!["/dev/dm-0".to_owned()],
        };
        let of = |device: &str, path: &str| mounted.of(device, &[path.to_owned()]);
        assert_eq!(of("8:1", "/dev/sda1"), (vec!["/".to_owned()], Some("ext4".to_owned())));
        assert_eq!(of("8:2", "/dev/sda2"), (vec!["/b".to_owned()], Some("btrfs".to_owned())));
        assert_eq!(of("8:3", "/dev/sda3"), (vec![], None));
        assert!(mounted.is_swap(&["/dev/mapper/swap".to_owned(), "/dev/dm-0".to_owned()]));
    }
}
