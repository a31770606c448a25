//! Where this host lets us keep cgroups, and the one directory of ours there.
//!
//! Only cgroup v2 serves: it alone can kill a whole tree at once and say when it is empty
//! (cgroups(7), the kernel's admin-guide/cgroup-v2). No controller is needed, so nothing of the
//! host's own settings is touched. Used by the executor; what is done with a cgroup once it is there
//! is [`agent_sys::cgroup`]'s.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use agent_sys::cgroup::{PREFIX, lock, remove};
use nix::fcntl::Flock;

/// Names tried for our directory.
const ATTEMPTS: u32 = 100;

/// The agent's own directory of cgroups. Locked as long as the agent lives, so that another agent
/// can tell what a dead one left behind from what is in use.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) dir: Flock<File>,
}

impl Root {
    /// Removes what dead agents left empty, then makes our directory.
    ///
    /// Fails where there is no cgroup v2, none that we may write, or one too old to kill by
    /// (Linux before 5.14).
    pub(crate) fn create() -> io::Result<Self> {
        let own = own_cgroup()?;
        sweep(&own);
        for n in 0..ATTEMPTS {
            let path = own.join(format!("{PREFIX}{}.{n}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let Ok(dir) = lock(&path) else { continue };
            // Another agent's sweep may have come between: then this is a directory without a name.
            let same = fs::metadata(&path).and_then(|now| Ok(now.ino() == dir.metadata()?.ino()));
            if !same.unwrap_or(false) {
                continue;
            }
            let usable = fs::exists(path.join("cgroup.kill"))?
                && fs::read_to_string(path.join("cgroup.type"))?.trim() == "domain";
            if usable {
                return Ok(Self { path, dir });
            }
            let _ = fs::remove_dir(&path);
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel's cgroups cannot be killed"));
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Removes what agents that are gone have left below `own`.
fn sweep(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && let Ok(_lock) = lock(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// The directory of the cgroup this process is in.
fn own_cgroup() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let cgroups = fs::read_to_string("/proc/self/cgroup")?;
    locate(&mounts, &cgroups)
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "no cgroup v2 is mounted"))
}

/// The directory for `0::/path` under the cgroup2 mount (proc_pid_mountinfo(5), cgroups(7)).
fn locate(mounts: &str, cgroups: &str) -> Option<PathBuf> {
    let own = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (unescape(left.next()?), unescape(left.next()?));
        if right.split(' ').next() != Some("cgroup2") {
            return None;
        }
        // A mount that shows only a part of the hierarchy, which must have us in it.
        let below = Path::new(own).strip_prefix(&root).ok()?;
        let inside = below.components().all(|part| part.as_os_str() != "..");
        inside.then(|| Path::new(&point).join(below))
    })
}

/// Undoes mountinfo's `\040` for a space, and its like.
fn unescape(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_found_under_every_kind_of_mount() {
        let mount = |root: &str, point: &str, kind: &str| {
            format!(
                "20 1 0:5 / /proc rw - proc proc rw\n31 23 0:28 {root} {point} rw,nosuid shared:9 - {kind} cgroup rw\n"
            )
        };
        let table = [
            // systemd, unified
            (
                "/",
                "/sys/fs/cgroup",
                "cgroup2",
                "0::/system.slice/agent.service\n",
                Some("/sys/fs/cgroup/system.slice/agent.service"),
            ),
            // hybrid: other hierarchies beside it
            (
                "/",
                "/sys/fs/cgroup/unified",
                "cgroup2",
                "4:memory:/a\n0::/\n",
                Some("/sys/fs/cgroup/unified/"),
            ),
            // a container that sees its own part, with and without a namespace
            ("/docker/7", "/sys/fs/cgroup", "cgroup2", "0::/docker/7/a\n", Some("/sys/fs/cgroup/a")),
            ("/docker/7", "/sys/fs/cgroup", "cgroup2", "0::/other\n", None),
            ("/", "/sys/fs/cgroup", "cgroup2", "0::/../../other\n", None),
            ("/", "/with\\040space", "cgroup2", "0::/a\n", Some("/with space/a")),
            // v1 alone
            ("/", "/sys/fs/cgroup/memory", "cgroup", "0::/a\n", None),
            ("/", "/sys/fs/cgroup", "cgroup2", "4:memory:/a\n", None),
        ];
        for (root, point, kind, cgroups, expected) in table {
            assert_eq!(
                locate(&mount(root, point, kind), cgroups),
                expected.map(PathBuf::from),
                "{point} {cgroups}"
            );
        }
    }
}
