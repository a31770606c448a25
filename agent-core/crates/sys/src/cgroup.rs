//! A cgroup v2 directory that holds one process tree: sends it SIGTERM, kills it, tells whether it
//! is empty, removes it.
//!
//! Works by descriptor, so that the same code serves the agent, its zygote and a task's supervisor,
//! which outlives both. The files are those of the kernel's admin-guide/cgroup-v2.

#![expect(unsafe_code, reason = "it reads an extended attribute")]

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{self, Flock, FlockArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::pidfd::PidFd;

/// The agent's own directories of leaves are `basicagent.PID.N`.
pub const PREFIX: &str = "basicagent.";
/// The most processes of a tree that get SIGTERM; all are killed afterwards.
const MAX_TERMINATED: usize = 1024;
/// Bytes of a list of so many processes.
const MAX_LIST: u64 = 16 * 1024;
/// Bytes of the longest type, with room to spare.
const MAX_TYPE: u64 = 64;

/// Sends SIGTERM to every process of the cgroup, and SIGCONT so that stopped ones receive it.
///
/// # Errors
/// The cgroup cannot be read.
pub fn terminate(dir: impl AsFd) -> io::Result<()> {
    let processes: Vec<(i32, PidFd)> = list(&dir)?
        .into_iter()
        .take(MAX_TERMINATED)
        .filter_map(|pid| PidFd::open(pid).ok().map(|process| (pid, process)))
        .collect();
    // Listed again: a number that is still in the cgroup belonged to the same process when it was
    // opened; otherwise that process is dead and receives nothing.
    let still = list(&dir)?;
    for (pid, process) in processes {
        if still.contains(&pid) {
            // These fail for a process that ended meanwhile.
            let _ = process.signal(Signal::SIGTERM);
            let _ = process.signal(Signal::SIGCONT);
        }
    }
    Ok(())
}

/// Kills every process in the cgroup and below, including processes that fork meanwhile.
///
/// # Errors
/// The cgroup is gone, or the kernel is older than `cgroup.kill` (Linux 5.14).
pub fn kill(dir: impl AsFd) -> io::Result<()> {
    open(dir, "cgroup.kill", OFlag::O_WRONLY)?.write_all(b"1")
}

/// Opens the file that [`is_empty`] reads; poll(2) reports a change of it as `POLLPRI`.
///
/// # Errors
/// The cgroup is gone, or no descriptor left.
pub fn events(dir: impl AsFd) -> io::Result<File> {
    open(dir, "cgroup.events", OFlag::O_RDONLY)
}

/// Returns whether a cgroup has no process, in it or below, and is not frozen.
///
/// # Errors
/// The cgroup is gone.
pub fn is_empty(events: impl AsFd) -> io::Result<bool> {
    let mut buffer = [0; 128];
    let length = nix::sys::uio::pread(events, &mut buffer, 0)?;
    let text = buffer.get(..length).unwrap_or_default();
    let has = |line: &[u8]| text.split(|byte| *byte == b'\n').any(|other| other == line);
    Ok(has(b"populated 0") && !has(b"frozen 1"))
}

/// Returns whether processes can be put into a new or an empty cgroup.
///
/// A cgroup is a "domain invalid" one, which takes no process, as soon as a threaded controller
/// (cpu, pids) is enabled in a cgroup above that has processes (admin-guide/cgroup-v2, "Threads").
///
/// # Errors
/// The cgroup is gone.
pub fn takes_processes(dir: impl AsFd) -> io::Result<bool> {
    let mut kind = String::new();
    open(dir, "cgroup.type", OFlag::O_RDONLY)?.take(MAX_TYPE).read_to_string(&mut kind)?;
    Ok(kind.trim_end() == "domain")
}

/// Returns whether no process is in the cgroup itself; those below do not count. A cgroup that does
/// not tell counts as one with processes.
#[must_use]
pub fn holds_no_process(directory: &Path) -> bool {
    let mut first = [0];
    let read =
        File::open(directory.join("cgroup.procs")).and_then(|mut file| file.read(&mut first));
    read.is_ok_and(|length| length == 0)
}

/// Returns whether systemd delegated the cgroup to a service: then systemd sets the attribute
/// `user.delegate` to 1, before version 251 only `trusted.delegate` (systemd's CGROUP_DELEGATION).
#[must_use]
pub fn is_delegated(directory: &Path) -> bool {
    let Ok(path) = CString::new(directory.as_os_str().as_bytes()) else { return false };
    [c"user.delegate", c"trusted.delegate"].into_iter().any(|attribute| {
        let mut value = [0_u8; 2];
        // SAFETY: getxattr(2) reads two NUL-terminated strings and writes at most the length given
        // to `value`, which has it; all live over the call.
        let length = unsafe {
            let (data, size) = (value.as_mut_ptr().cast(), value.len());
            libc::getxattr(path.as_ptr(), attribute.as_ptr(), data, size)
        };
        length == 1 && value.first() == Some(&b'1')
    })
}

/// Blocks until the cgroup has no process; returns whether that happened in time.
///
/// # Errors
/// The cgroup is gone.
pub fn await_empty(dir: impl AsFd, within: Duration) -> io::Result<bool> {
    let events = events(dir)?;
    let deadline = Instant::now() + within;
    // Each reading arms the next notice (kernfs: poll reports changes after the last read).
    while !is_empty(&events)? {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut notice = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        match poll(&mut notice, left) {
            Ok(0) => return is_empty(&events),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(true)
}

/// Removes the empty cgroups of a directory; a cgroup with processes stays.
pub fn remove(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    // EBUSY where a process lives.
    let _ = fs::remove_dir(directory);
}

/// Removes a task's leaf if it is empty and its agent, which would use it again or remove it, is
/// gone; then removes the agent's directory above it if that is empty.
pub(crate) fn leave(leaf: OwnedFd) {
    let Ok(root) = open(&leaf, "..", OFlag::O_RDONLY | OFlag::O_DIRECTORY) else { return };
    // A living agent, or its zygote, holds the lock. Shared: other supervisors may be here too.
    if Flock::lock(root, FlockArg::LockSharedNonblock).is_err() {
        return;
    }
    // From the descriptor to its name: the directory may be mounted elsewhere by now.
    let Ok(path) = fs::read_link(format!("/proc/self/fd/{}", leaf.as_raw_fd())) else { return };
    drop(leaf);
    let Some(root) = path.parent() else { return };
    let ours = root
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(PREFIX));
    if ours {
        remove(&path);
        let _ = fs::remove_dir(root);
    }
}

/// Takes the lock that an agent holds on its directory of leaves; fails at once when it is held.
///
/// # Errors
/// EWOULDBLOCK: its agent lives. Or there is no such directory.
pub fn lock(directory: &Path) -> io::Result<Flock<File>> {
    let dir = File::open(directory)?;
    Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

fn list(dir: impl AsFd) -> io::Result<Vec<i32>> {
    let mut text = String::new();
    open(dir, "cgroup.procs", OFlag::O_RDONLY)?.take(MAX_LIST).read_to_string(&mut text)?;
    // 0 stands for a process of another namespace. A number cut off at the bound is missing in the
    // second list, or is in it as the process of that number.
    Ok(text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0).collect())
}

fn open(dir: impl AsFd, name: &str, access: OFlag) -> io::Result<File> {
    Ok(File::from(fcntl::openat(dir, name, access | OFlag::O_CLOEXEC, Mode::empty())?))
}
