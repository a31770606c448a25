//! Which mounts a path can lead to. A mount that another one covers cannot be reached, and
//! statvfs(3) on its path would query the other. Also, which mounts a path passes.

use readers::mountinfo::Line;

/// The most parents of a mount that are followed.
const MAX_DEPTH: usize = 256;

/// The mounts, by id and by mount point.
pub(crate) struct MountTree<'a> {
    lines: &'a [Line],
    by_id: Vec<usize>,
    by_place: Vec<usize>,
}

impl<'a> MountTree<'a> {
    pub(crate) fn new(lines: &'a [Line]) -> Self {
        let mut by_id: Vec<usize> = (0..lines.len()).collect();
        by_id.sort_unstable_by_key(|index| lines[*index].id);
        let mut by_place: Vec<usize> = (0..lines.len()).collect();
        by_place.sort_unstable_by(|a, b| place(&lines[*a]).cmp(&place(&lines[*b])));
        Self { lines, by_id, by_place }
    }

    /// Returns the mounts that `mount` is below, the closest first. The parent of the topmost is
    /// not in the list.
    fn above(&self, mount: &Line) -> Vec<&'a Line> {
        let mut above = Vec::new();
        let mut parent = mount.parent;
        while above.len() < MAX_DEPTH {
            let Ok(found) = self.by_id.binary_search_by_key(&parent, |index| self.lines[*index].id)
            else {
                break;
            };
            let line = &self.lines[self.by_id[found]];
            if line.id == mount.id {
                break;
            }
            above.push(line);
            if line.parent == line.id {
                break;
            }
            parent = line.parent;
        }
        above
    }

    /// Returns whether a mount on `parent` other than `except` covers a folder on the way to
    /// `path`.
    fn covers(&self, parent: u64, path: &[u8], except: u64) -> bool {
        prefixes(path).any(|prefix| {
            let start = self
                .by_place
                .partition_point(|index| place(&self.lines[*index]) < (parent, prefix));
            let at = self.by_place[start..].iter().map(|index| &self.lines[*index]);
            at.take_while(|line| place(line) == (parent, prefix))
                .any(|line| line.id != except && line.id != parent)
        })
    }

    /// Returns whether the mount's path leads to it.
    pub(crate) fn is_visible(&self, mount: &Line) -> bool {
        if self.covers(mount.id, &mount.mountpoint, mount.id) {
            return false;
        }
        let mut child = mount;
        self.above(mount).into_iter().all(|above| {
            let is_covered = self.covers(above.id, &child.mountpoint, child.id);
            child = above;
            !is_covered
        })
    }

    /// Returns whether `is_slow` holds for the mount or for a mount on the way to it.
    pub(crate) fn leads_through(&self, mount: &Line, is_slow: impl Fn(&Line) -> bool) -> bool {
        is_slow(mount) || self.above(mount).into_iter().any(is_slow)
    }
}

fn place(line: &Line) -> (u64, &[u8]) {
    (line.parent, &line.mountpoint)
}

/// Returns `/a/b`, `/a` and `/` for `/a/b`. A mount on the parent's own root has the same path.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = std::iter::once(path);
    let inner = (1..path.len()).rev().filter(|at| path[*at] == b'/').map(|at| &path[..at]);
    let first = (path.len() > 1).then_some(&b"/"[..]);
    whole.chain(inner).chain(first)
}

/// Returns whether `path` is the folder or inside it.
pub(crate) fn is_within(path: &[u8], folder: &[u8]) -> bool {
    folder == b"/"
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use readers::mountinfo::parse;

    #[test]
    fn a_covered_mount_is_not_visible() {
        let lines = parse(
            b"1 0 8:1 / / rw - ext4 a rw\n\
              2 1 0:1 / /dev rw - devtmpfs a rw\n\
              3 2 0:2 / /dev/pts rw - devpts a rw\n\
              4 3 0:3 / /dev/pts rw - devpts a rw\n\
              5 1 0:4 / /srv/data rw - ext4 a rw\n\
              6 1 0:5 / /srv rw - tmpfs a rw\n\
              7 6 0:6 / /srv/data rw - tmpfs a rw\n\
              8 5 0:7 / /srv/data/x rw - tmpfs a rw\n\
              9 1 0:8 / /srvother rw - nfs a rw\n\
              10 9 0:9 / /srvother/y rw - ext4 a rw\n",
        );
        let mounts = MountTree::new(&lines);
        let visible: Vec<u64> =
            lines.iter().filter(|line| mounts.is_visible(line)).map(|line| line.id).collect();
        assert_eq!(visible, [1, 2, 4, 6, 7, 9, 10]);
        let is_slow = |line: &Line| line.kind == "nfs";
        let slow: Vec<u64> = lines
            .iter()
            .filter(|line| mounts.leads_through(line, is_slow))
            .map(|line| line.id)
            .collect();
        assert_eq!(slow, [9, 10]);
    }

    #[test]
    fn a_second_root_covers_all_that_was_below_the_first() {
        let lines = parse(
            b"1 1 0:1 / / rw - rootfs a rw\n2 1 0:2 / /x rw - tmpfs a rw\n3 1 8:1 / / rw - ext4 a rw\n\
              4 3 0:2 / /x rw - tmpfs a rw\n",
        );
        let mounts = MountTree::new(&lines);
        let visible: Vec<u64> =
            lines.iter().filter(|line| mounts.is_visible(line)).map(|line| line.id).collect();
        assert_eq!(visible, [3, 4]);
    }

    #[test]
    fn a_ring_of_parents_ends() {
        let lines = parse(b"1 2 0:1 / /a rw - tmpfs a rw\n2 1 0:2 / /b rw - tmpfs a rw\n");
        let mounts = MountTree::new(&lines);
        assert_eq!(mounts.above(&lines[0]).len(), 1);
        let lines = parse(
            b"1 2 0:1 / /a rw - tmpfs a rw\n2 3 0:2 / /b rw - tmpfs a rw\n3 2 0:2 / /c rw - tmpfs a rw\n",
        );
        assert_eq!(MountTree::new(&lines).above(&lines[0]).len(), MAX_DEPTH);
        assert!(!mounts.leads_through(&lines[0], |_| false));
    }

    #[test]
    fn a_folder_is_not_a_prefix_of_a_name() {
        for (path, folder, want) in [
            ("/a/b", "/a", true),
            ("/a", "/a", true),
            ("/ab", "/a", false),
            ("/", "/a", false),
            ("/x", "/", true),
        ] {
            assert_eq!(is_within(path.as_bytes(), folder.as_bytes()), want, "{path} {folder}");
        }
        assert_eq!(prefixes(b"/a/b").collect::<Vec<_>>(), [&b"/a/b"[..], b"/a", b"/"]);
        assert_eq!(prefixes(b"/").collect::<Vec<_>>(), [b"/"]);
    }
}
