//! The memory limit of the agent's cgroup (cgroups(7)); in a container, that of all its processes.
//! A parent's limit applies too, so the lowest one is reported. A cgroup that no mount shows is
//! unknown, rather than one without a limit.

use std::path::{Component, Path, PathBuf};

use readers::mountinfo::{self, Line};
use readers::{file, text};
use serde::Serialize;

/// The most parents of a cgroup that are read.
const MAX_DEPTH: usize = 64;
/// Limits from here on mean "no limit": version 1 writes the largest number of pages.
const NO_LIMIT: u64 = 1 << 62;

/// The `cgroup` object of the answer.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Cgroup {
    /// The cgroup version: 1 or 2.
    pub(crate) version: u8,
    /// The cgroup's path in the hierarchy, as seen from here.
    pub(crate) path: String,
    /// Bytes that its processes may use together; null: no limit.
    pub(crate) limit_bytes: Option<u64>,
    /// Bytes of swap that its processes may use together (version 1: memory and swap); null: no
    /// limit.
    pub(crate) swap_limit_bytes: Option<u64>,
    /// Bytes in use, caches included.
    pub(crate) used_bytes: Option<u64>,
}

/// The file names, by version: limit, swap limit, use.
const FILES: [[&str; 3]; 2] = [
    ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.usage_in_bytes"],
    ["memory.max", "memory.swap.max", "memory.current"],
];

/// Reads the cgroup of this process, on the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> Option<Cgroup> {
    let groups = file::text(&root.join("proc/self/cgroup"))?;
    let mounts = mountinfo::read(&root.join("proc/self/mountinfo")).ok()?;
    let (version, path) = memory_group(&groups)?;
    let (mount, below) = hierarchy(mounts, version, &path)?;
    let top = root.join(mount.trim_start_matches('/'));
    let folder = top.join(below);
    if !folder.join("cgroup.procs").exists() {
        // Another mount covers this one.
        return None;
    }
    let [limit, swap, used] = FILES[usize::from(version - 1)];
    Some(Cgroup {
        version,
        limit_bytes: least(&top, &folder, limit),
        swap_limit_bytes: least(&top, &folder, swap),
        used_bytes: file::number(&folder.join(used)),
        path,
    })
}

/// Finds `4:memory:/path` of version 1, else `0::/path` of version 2.
fn memory_group(groups: &str) -> Option<(u8, String)> {
    let mut second = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.to_owned();
        if controllers.split(',').any(|controller| controller == "memory") {
            return Some((1, path));
        }
        if number == "0" && controllers.is_empty() {
            second = Some((2, path));
        }
    }
    second
}

/// Returns where the hierarchy is mounted, and the path of a cgroup below that mount. Without a
/// cgroup namespace, a container's mount shows only the subtree of its own cgroup. In one, a mount
/// made outside begins at a parent of the namespace's root, and a cgroup outside has a path that
/// begins so: `/..`. `None` if no mount shows the cgroup.
fn hierarchy(mounts: Vec<Line>, version: u8, path: &str) -> Option<(String, PathBuf)> {
    let is_it = |line: &Line| match version {
        1 => line.kind == "cgroup" && line.super_options.iter().any(|option| option == "memory"),
        _ => line.kind == "cgroup2",
    };
    if Path::new(path).components().any(|part| part == Component::ParentDir) {
        return None;
    }
    mounts.into_iter().filter(is_it).find_map(|line| {
        let below = Path::new(path).strip_prefix(text::lossy(line.root)).ok()?.to_owned();
        Some((text::lossy(line.mountpoint), below))
    })
}

/// Returns the lowest limit from `folder` up to `top`.
fn least(top: &Path, folder: &Path, name: &str) -> Option<u64> {
    let groups = folder.ancestors().take(MAX_DEPTH).take_while(|group| group.starts_with(top));
    groups
        .filter_map(|group| file::number(&group.join(name)))
        .filter(|limit| *limit < NO_LIMIT)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    fn tree(files: &[(&str, &str)]) -> Scratch {
        let root = Scratch::new("getinfo-memory");
        for (path, content) in files {
            root.write(path, content);
        }
        root
    }

    #[test]
    fn the_least_limit_of_version_2_counts() {
        let root = tree(&[
            ("proc/self/cgroup", "0::/system.slice/agent.service\n"),
            (
                "proc/self/mountinfo",
                "31 23 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            ),
            ("sys/fs/cgroup/system.slice/memory.max", "1000\n"),
            ("sys/fs/cgroup/system.slice/agent.service/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/agent.service/memory.swap.max", "0\n"),
            ("sys/fs/cgroup/system.slice/agent.service/memory.current", "77\n"),
            ("sys/fs/cgroup/system.slice/agent.service/cgroup.procs", "1\n"),
        ]);
        let found = read(root.path()).unwrap();
        assert_eq!((found.version, found.path.as_str()), (2, "/system.slice/agent.service"));
        assert_eq!(
            (found.limit_bytes, found.swap_limit_bytes, found.used_bytes),
            (Some(1000), Some(0), Some(77))
        );
    }

    #[test]
    fn a_containers_mount_of_version_1_begins_at_its_group() {
        let root = tree(&[
            ("proc/self/cgroup", "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n"),
            (
                "proc/self/mountinfo",
                "32 31 0:29 /docker/1 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                     35 31 0:32 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/memory/cgroup.procs", "1\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2048\n"),
            ("sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "9223372036854771712\n"),
        ]);
        let found = read(root.path()).unwrap();
        assert_eq!(
            (found.version, found.limit_bytes, found.swap_limit_bytes),
            (1, Some(2048), None)
        );
        assert_eq!(found.used_bytes, None);
    }

    #[test]
    fn a_cgroup_that_no_mount_shows_is_unknown() {
        for (group, mount_root, covered) in [
            // unshare(1) -C: the mount begins above the namespace.
            ("/", "/../..", false),
            // A process from outside entered the namespace.
            ("/../other", "/", false),
            ("/other", "/docker/1", false),
            ("/", "/", true),
        ] {
            let mounts = format!("31 23 0:28 {mount_root} /cg rw - cgroup2 none rw\n");
            let procs = if covered { "elsewhere" } else { "cg/cgroup.procs" };
            let root = tree(&[
                ("proc/self/cgroup", &format!("0::{group}\n")),
                ("proc/self/mountinfo", &mounts),
                (procs, ""),
                ("cg/other/cgroup.procs", ""),
            ]);
            assert_eq!(read(root.path()), None, "{group} {mount_root}");
        }
        let two =
            "31 23 0:28 /../.. /cg rw - cgroup2 none rw\n32 23 0:28 / /own rw - cgroup2 none rw\n";
        let root = tree(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", two),
            ("own/cgroup.procs", ""),
            ("own/memory.max", "4096\n"),
        ]);
        assert_eq!(read(root.path()).unwrap().limit_bytes, Some(4096));
    }

    #[test]
    fn without_a_hierarchy_there_is_no_cgroup() {
        assert_eq!(read(Path::new("/nonexistent")), None);
        for groups in ["", "0", "0:", "x\n", "1:name=systemd:/\n"] {
            assert_eq!(memory_group(groups), None, "{groups:?}");
        }
        assert_eq!(memory_group("0::/../../x\n"), Some((2, "/../../x".to_owned())));
        for mounts in ["", " - ", "1 2 3 4 5 6", "1 2 3 / /x rw - cgroup2"] {
            assert_eq!(hierarchy(mountinfo::parse(mounts.as_bytes()), 2, "/"), None, "{mounts:?}");
        }
    }
}
