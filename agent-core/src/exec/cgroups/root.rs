//! The agent's own directory of cgroups, and its place on this host.
//!
//! Leaves need cgroup v2: only that version can kill a whole tree at once and tell when it is empty
//! (cgroups(7), the kernel's admin-guide/cgroup-v2). No controller is needed for that, so none of
//! the host's settings change; [`super::controllers`] handles the controllers that keep limits, and
//! [`agent_sys::cgroup`] the operations on a single cgroup.
//!
//! The agent writes into cgroups that it made, and into one other, which systemd delegated and which
//! has no process: its unit's, if systemd put the agent into a subgroup of it, or else that of the
//! unit that exists for nothing else.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use agent_sys::cgroup::{PREFIX, holds_no_process, is_delegated, lock, remove, takes_processes};
use nix::fcntl::Flock;

/// The agent's cgroup within its unit's, as our unit file has it.
const SUBGROUP: &str = "agent";
/// The unit beside the agent's that holds cgroups and no process.
const COMMANDS_UNIT: &str = "basicagent-commands.service";
/// Names tried for our directory.
const ATTEMPTS: u32 = 100;

/// The agent's own directory of cgroups. Locked as long as the agent lives, so that another agent
/// recognizes the directories of dead ones.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) dir: Flock<File>,
}

impl Root {
    /// Removes empty cgroups of dead agents, then makes our directory.
    ///
    /// Fails without a cgroup v2 that we may write, and on kernels without `cgroup.kill` (before
    /// Linux 5.14).
    pub(crate) fn create() -> io::Result<Self> {
        let own = own_cgroup(None)?;
        // What an agent left that found another place.
        sweep(&own);
        let root = Self::create_below(&base(own))?;
        let why = if !fs::exists(root.path.join("cgroup.kill"))? {
            "this kernel has no cgroup.kill; Linux 5.14 has it"
        } else if !takes_processes(&*root.dir)? {
            "a cgroup above has threaded controllers, so that new ones take no process"
        } else {
            return Ok(root);
        };
        let _ = fs::remove_dir(&root.path);
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    /// Makes our directory below any cgroup, of either version.
    pub(crate) fn create_below(own: &Path) -> io::Result<Self> {
        sweep(own);
        for n in 0..ATTEMPTS {
            let path = own.join(format!("{PREFIX}{}.{n}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let Ok(dir) = lock(&path) else { continue };
            // Another agent's sweep may have removed it meanwhile: then the lock is on a deleted
            // one.
            let same = fs::metadata(&path).and_then(|now| Ok(now.ino() == dir.metadata()?.ino()));
            if same.unwrap_or(false) {
                return Ok(Self { path, dir });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Returns the parent of our directory. Its cgroup should have no process, since one with processes
/// may pass no controllers on:
///
/// - the unit's, where systemd put the agent into a subgroup of it (`DelegateSubgroup=agent`);
/// - that of basicagent-commands.service: systemd before 254 starts the agent in the unit's own
///   cgroup, and could not start it again there while controllers are passed on from it;
/// - otherwise the agent's own, where commands have no limits of cgroup v2.
fn base(own: PathBuf) -> PathBuf {
    let is_unit = |path: &Path| path.extension().is_some_and(|kind| kind == "service");
    let unit = own.parent().filter(|unit| is_unit(unit));
    match unit {
        Some(unit) if own.file_name().is_some_and(|name| name == SUBGROUP) => unit.to_owned(),
        _ => {
            let beside = own.with_file_name(COMMANDS_UNIT);
            let is_ours = is_unit(&own) && is_delegated(&beside) && holds_no_process(&beside);
            if is_ours { beside } else { own }
        }
    }
}

/// Removes directories that dead agents left below `own`.
pub(crate) fn sweep(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && let Ok(_lock) = lock(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// Returns the directory of this process's cgroup: of version 2, or of version 1 with this
/// controller.
pub(crate) fn own_cgroup(controller: Option<&str>) -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let cgroups = fs::read_to_string("/proc/self/cgroup")?;
    locate(&mounts, &cgroups, controller).ok_or_else(|| {
        let version =
            if controller.is_none() { "cgroup v2" } else { "cgroup v1 with that controller" };
        io::Error::new(io::ErrorKind::Unsupported, format!("no {version} is mounted"))
    })
}

/// Returns the directory for `0::/path`, or for `N:controllers:/path`, under its mount
/// (proc_pid_mountinfo(5), cgroups(7)).
fn locate(mounts: &str, cgroups: &str, controller: Option<&str>) -> Option<PathBuf> {
    let has = |list: &str, controller| list.split(',').any(|one| one == controller);
    let own = cgroups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controller.map_or(controllers.is_empty(), |one| has(controllers, one)).then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (unescape(left.next()?), unescape(left.next()?));
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        let wanted =
            controller.map_or(kind == "cgroup2", |one| kind == "cgroup" && has(options, one));
        if !wanted {
            return None;
        }
        // The mount may show only a part of the hierarchy, which must include us.
        let below = Path::new(own).strip_prefix(&root).ok()?;
        let inside = below.components().all(|part| part.as_os_str() != "..");
        inside.then(|| Path::new(&point).join(below))
    })
}

/// Decodes mountinfo's escapes, such as `\040` for a space.
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
            (
                "/docker/7",
                "/sys/fs/cgroup",
                "cgroup2",
                "0::/docker/7/a\n",
                Some("/sys/fs/cgroup/a"),
            ),
            ("/docker/7", "/sys/fs/cgroup", "cgroup2", "0::/other\n", None),
            ("/", "/sys/fs/cgroup", "cgroup2", "0::/../../other\n", None),
            ("/", "/with\\040space", "cgroup2", "0::/a\n", Some("/with space/a")),
            // v1 alone
            ("/", "/sys/fs/cgroup/memory", "cgroup", "0::/a\n", None),
            ("/", "/sys/fs/cgroup", "cgroup2", "4:memory:/a\n", None),
        ];
        for (root, point, kind, cgroups, expected) in table {
            assert_eq!(
                locate(&mount(root, point, kind), cgroups, None),
                expected.map(PathBuf::from),
                "{point} {cgroups}"
            );
        }
    }

    #[test]
    fn a_controllers_own_hierarchy_is_found_where_there_is_one() {
        let mounts = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let cgroups = "4:memory:/a/b\n1:cpu,cpuacct:/c\n0::/d\n";
        let table = [
            (Some("memory"), Some("/sys/fs/cgroup/memory/a/b")),
            (Some("cpu"), Some("/sys/fs/cgroup/cpu,cpuacct/c")),
            (Some("pids"), None),
            (None, Some("/sys/fs/cgroup/unified/d")),
        ];
        for (controller, expected) in table {
            assert_eq!(
                locate(mounts, cgroups, controller),
                expected.map(PathBuf::from),
                "{controller:?}"
            );
        }
    }

    #[test]
    fn leaves_go_beside_an_agent_that_is_in_a_subgroup_of_its_unit() {
        let table = [
            (
                "/sys/fs/cgroup/system.slice/basicagent.service/agent",
                "/sys/fs/cgroup/system.slice/basicagent.service",
            ),
            (
                "/sys/fs/cgroup/system.slice/basicagent.service",
                "/sys/fs/cgroup/system.slice/basicagent.service",
            ),
            ("/sys/fs/cgroup/agent", "/sys/fs/cgroup/agent"),
            ("/sys/fs/cgroup/user.slice/agent", "/sys/fs/cgroup/user.slice/agent"),
        ];
        for (own, expected) in table {
            assert_eq!(base(own.into()), PathBuf::from(expected));
        }
    }
}
