//! The steps between clone and exec, which turn a copy of the zygote into the command.
//!
//! The zygote, keepers and supervisors use it. It makes only raw system calls: libc's setuid family
//! would signal the threads that it believes this process has.

#![expect(unsafe_code, reason = "system calls between clone and exec")]

use std::ffi::{CStr, c_char, c_int, c_long};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;

use crate::launch::Received;

/// clone3's flag for a child born in another cgroup; newer than libc's constants.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
/// close_range's flag: mark, do not close.
const CLOSE_RANGE_CLOEXEC: c_long = 4;

/// The step at which a command could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Making the process.
    Clone,
    /// Creating its session.
    Session,
    /// Connecting standard input, output and error.
    Files,
    /// Setting the supplementary groups.
    Groups,
    /// Setting the group id.
    Group,
    /// Setting the user id.
    User,
    /// Entering the working directory.
    Directory,
    /// Executing the program.
    Exec,
    /// Joining the cgroups that limit it.
    Limits,
}

const STAGES: [Stage; 9] = [
    Stage::Clone,
    Stage::Session,
    Stage::Files,
    Stage::Groups,
    Stage::Group,
    Stage::User,
    Stage::Directory,
    Stage::Exec,
    Stage::Limits,
];

impl Stage {
    /// Returns the stage with this number (`as u32`).
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        STAGES.get(usize::try_from(number).ok()?).copied()
    }
}

/// Why a command did not become its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartFailure {
    /// The step that failed.
    pub stage: Stage,
    /// errno of the failed call.
    pub errno: i32,
}

/// The report that a child which failed before exec leaves in the failure pipe; the child then
/// exits with [`FailureReport::STATUS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureReport {
    /// The launch it belongs to.
    pub id: u64,
    /// Why it failed.
    pub failure: StartFailure,
}

impl FailureReport {
    /// The exit status of such a child: only after this status can there be a report.
    pub const STATUS: u8 = 127;
    /// Bytes of one report: far below PIPE_BUF, so reports of several children never mix.
    pub const LEN: usize = 16;

    /// Reads one report.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<8>()?;
        let (stage, errno) = rest.split_first_chunk::<4>()?;
        let stage = Stage::from_number(u32::from_ne_bytes(*stage))?;
        let errno = i32::from_ne_bytes(errno.try_into().ok()?);
        Some(Self { id: u64::from_ne_bytes(*id), failure: StartFailure { stage, errno } })
    }
}

/// The two sides of a clone.
pub(crate) enum Side {
    Child,
    Parent { pid: i32, pidfd: OwnedFd },
}

/// Copies this process. With `sibling`, the child's parent is our parent, and the kernel stores the
/// child's number there before the child runs, even if we die meanwhile.
///
/// # Safety
/// The process has one thread, so that the child finds no lock held by a thread it lacks.
pub(crate) unsafe fn clone(
    sibling: Option<&AtomicI32>,
    cgroup: Option<&OwnedFd>,
) -> io::Result<Side> {
    let mut pidfd: c_int = -1;
    let args = MaybeUninit::<libc::clone_args>::zeroed();
    // SAFETY: clone_args is plain numbers, for which zero is both a value and clone3's default.
    let mut args = unsafe { args.assume_init() };
    args.flags = libc::CLONE_PIDFD as u64;
    args.pidfd = (&raw mut pidfd) as u64;
    if let Some(number) = sibling {
        // The signal at its end is then our own, SIGCHLD; naming one is refused (clone(2)).
        args.flags |= (libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID) as u64;
        args.parent_tid = number.as_ptr() as u64;
    } else {
        args.exit_signal = libc::SIGCHLD as u64;
    }
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::try_from(cgroup.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    }
    // SAFETY: clone3(2) reads `args` of the size given and writes an int to `args.pidfd`, which
    // both live here, and one to `args.parent_tid`, which is an atomic that we have a reference to.
    // Without CLONE_VM the child goes on in a copy of this memory on a copy of this stack; that it
    // is the only thread is our caller's promise.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match i32::try_from(pid).unwrap_or(-1) {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => {
            // SAFETY: clone3 succeeded with CLONE_PIDFD, so it put a new descriptor there, ours
            // alone.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent { pid, pidfd })
        }
    }
}

/// Restores the default action of every signal, also of the two that libc reserves: exec would pass
/// an ignored signal on to the command.
pub(crate) fn default_actions() {
    // The kernel's sigaction: handler, flags, restorer, mask (sigaction(2), "C library/kernel
    // differences"); all zero is SIG_DFL.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        let action = [signal, (&raw const default) as c_long, 0];
        // EINVAL for SIGKILL and SIGSTOP, which cannot change.
        let _ = call4(libc::SYS_rt_sigaction, action, size_of::<u64>() as c_long);
    }
}

/// Becomes the command, or reports why not and exits.
pub(crate) fn exec(
    launch: &Received,
    argv: &[*const c_char],
    envp: &[*const c_char],
    failures: RawFd,
) -> ! {
    let (stage, errno) = attempt(launch, argv, envp);
    report(failures, launch.id, StartFailure { stage, errno });
    // SAFETY: _exit(2) takes a number and runs nothing of this process's copied state.
    unsafe { libc::_exit(c_int::from(FailureReport::STATUS)) }
}

/// Writes one report into the failure pipe; one write(2), async-signal-safe.
pub(crate) fn report(failures: RawFd, id: u64, StartFailure { stage, errno }: StartFailure) {
    let mut bytes = [0; FailureReport::LEN];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&id.to_ne_bytes());
    let (stage_bytes, errno_bytes) = tail.split_at_mut(4);
    stage_bytes.copy_from_slice(&(stage as u32).to_ne_bytes());
    errno_bytes.copy_from_slice(&errno.to_ne_bytes());
    // SAFETY: write(2) reads LEN bytes from `bytes`, which has so many.
    unsafe { libc::write(failures, bytes.as_ptr().cast(), bytes.len()) };
}

/// Takes the steps in order; returns only the step that failed.
fn attempt(launch: &Received, argv: &[*const c_char], envp: &[*const c_char]) -> (Stage, i32) {
    for procs in &launch.joins {
        // 0 means the writing process itself (the kernel's admin-guide/cgroup-v1).
        if let Err(errno) =
            call(libc::SYS_write, [procs.as_raw_fd().into(), c"0".as_ptr() as c_long, 1])
        {
            return (Stage::Limits, errno);
        }
    }
    if let Err(errno) = call(libc::SYS_setsid, [0; 3]) {
        return (Stage::Session, errno);
    }
    let stdout = launch.files.stdout.as_ref();
    let stderr = launch.files.stderr.as_ref().or(stdout);
    for (target, fd) in [(0, launch.files.stdin.as_ref()), (1, stdout), (2, stderr)] {
        // Without one, 0 stays the zygote's, /dev/null.
        let Some(fd) = fd else { continue };
        if let Err(errno) = call(libc::SYS_dup3, [c_long::from(fd.as_raw_fd()), target, 0]) {
            return (Stage::Files, errno);
        }
    }
    // Marked, not closed: the failure pipe is among them. An old kernel lacks the call or the flag;
    // then the close-on-exec flag that every descriptor here is opened with suffices.
    let _ = call(libc::SYS_close_range, [3, c_long::from(u32::MAX), CLOSE_RANGE_CLOEXEC]);
    if let Some(limit) = &launch.nofile {
        let new = [0, c_long::from(libc::RLIMIT_NOFILE), (limit as *const libc::rlimit) as c_long];
        if let Err(errno) = call(libc::SYS_prlimit64, new) {
            return (Stage::Files, errno);
        }
    }
    if let Some(identity) = &launch.identity {
        let (uid, gid) = (c_long::from(identity.uid), c_long::from(identity.gid));
        let groups = [identity.groups.len() as c_long, identity.groups.as_ptr() as c_long, 0];
        if let Err(errno) = call(libc::SYS_setgroups, groups) {
            return (Stage::Groups, errno);
        }
        if let Err(errno) = call(libc::SYS_setresgid, [gid; 3]) {
            return (Stage::Group, errno);
        }
        if let Err(errno) = call(libc::SYS_setresuid, [uid; 3]) {
            return (Stage::User, errno);
        }
    }
    // After the change of user, which would undo it (prctl(2)).
    if let Some(parent) = launch.dies_with
        && let Err(errno) = die_with(parent)
    {
        return (Stage::Session, errno);
    }
    // As the new user, so that a directory only root may enter stays closed.
    if let Err(errno) = enter(&launch.cwd)
        && (launch.cwd_required || enter(c"/").is_err())
    {
        return (Stage::Directory, errno);
    }
    let none = 0_u64;
    let unblock = [libc::SIG_SETMASK as c_long, (&raw const none) as c_long, 0];
    if let Err(errno) = call4(libc::SYS_rt_sigprocmask, unblock, size_of::<u64>() as c_long) {
        return (Stage::Session, errno);
    }
    let program = argv.first().map_or(0, |path| *path as c_long);
    let errno = call(libc::SYS_execve, [program, argv.as_ptr() as c_long, envp.as_ptr() as c_long]);
    (Stage::Exec, errno.err().unwrap_or(0))
}

/// Makes the kernel kill this process when its parent dies; fails if the parent died already.
fn die_with(parent: i32) -> Result<(), i32> {
    let kill = [c_long::from(libc::PR_SET_PDEATHSIG), c_long::from(libc::SIGKILL), 0];
    call(libc::SYS_prctl, kill)?;
    if nix::unistd::getppid().as_raw() == parent { Ok(()) } else { Err(libc::ESRCH) }
}

fn enter(directory: &CStr) -> Result<(), i32> {
    call(libc::SYS_chdir, [directory.as_ptr() as c_long, 0, 0])
}

fn call(number: c_long, args: [c_long; 3]) -> Result<(), i32> {
    call4(number, args, 0)
}

/// One raw system call; its errno when it fails.
fn call4(number: c_long, [a, b, c]: [c_long; 3], d: c_long) -> Result<(), i32> {
    // SAFETY: only `attempt`, `die_with`, `enter` and `default_actions` get here. The pointers they
    // pass are to NUL-ended strings and null-ended arrays of them (`Received::pointers`), to a
    // resource limit, to a group list as long as said, to one byte of a string, to a signal set of
    // the size said, and to a default sigaction, which installs no code; the caller's borrows keep
    // all of them alive over the call, and the kernel only reads them.
    let done = unsafe { libc::syscall(number, a, b, c, d) };
    if done < 0 { Err(Errno::last_raw()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_survives_the_pipe() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        for stage in STAGES {
            let failure = StartFailure { stage, errno: libc::ENOENT };
            report(writer.as_raw_fd(), 9, failure);
            let mut bytes = [0; FailureReport::LEN];
            assert_eq!(nix::unistd::read(&reader, &mut bytes).unwrap(), FailureReport::LEN);
            assert_eq!(FailureReport::from_bytes(&bytes), Some(FailureReport { id: 9, failure }));
        }
        assert_eq!(FailureReport::from_bytes(b"short"), None);
    }
}
