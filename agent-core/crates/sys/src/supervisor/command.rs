//! The start of a task's command.

#![expect(unsafe_code, reason = "it clones the command")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{self, Gid, Uid};

use super::output::Output;
use super::wake::Wake;
use crate::child::{self, Side, Stage, StartFailure};
use crate::launch::Received;

/// A command that was cloned.
pub(super) struct Command {
    pub(super) pid: i32,
    /// Where it reports why it could not be started, if so.
    pub(super) failure: OwnedFd,
    /// Whether it was born in the leaf.
    pub(super) in_leaf: bool,
}

/// The cgroup for a command.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) leaf: Option<&'a OwnedFd>,
    /// Whether the command must not run elsewhere.
    pub(super) required: bool,
}

/// Clones the command once its `turn` has come, and starts its time-out. Consumes the launch, since
/// only the command may hold its ends of the pipes.
pub(super) fn start(
    mut launch: Received,
    place: Place<'_>,
    output: &mut Output<'_>,
    separate_stderr: bool,
    timeout: Option<Duration>,
    turn: impl FnOnce() -> io::Result<()>,
) -> Result<(Command, Wake), StartFailure> {
    let failed = |stage| {
        move |error: io::Error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            StartFailure { stage, errno }
        }
    };
    let no_files = |errno: Errno| StartFailure { stage: Stage::Files, errno: errno as i32 };
    // Everything that can fail comes before the clone.
    let wake = Wake::open().map_err(failed(Stage::Session))?;
    let stdout = output.open(0).map_err(failed(Stage::Files))?;
    let stderr =
        separate_stderr.then(|| output.open(1)).transpose().map_err(failed(Stage::Files))?;
    if let Some(identity) = launch.identity.as_ref().filter(|identity| identity.uid != 0) {
        // Lets the user open its own output and input by name, as `> /dev/stderr` does.
        for fd in
            [Some(&stdout), stderr.as_ref(), launch.files.stdin.as_ref()].into_iter().flatten()
        {
            let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
            unistd::fchown(fd, Some(uid), Some(gid)).map_err(no_files)?;
        }
    }
    launch.files.stdout = Some(stdout);
    launch.files.stderr = stderr;
    // It dies with us: without a supervisor nobody would end it in time or record its end.
    launch.dies_with = Some(unistd::getpid().as_raw());
    let (failure, failures) =
        unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(no_files)?;
    let (argv, envp) = launch.pointers();
    turn().map_err(failed(Stage::Session))?;
    if let Some(timeout) = timeout {
        wake.after(timeout).map_err(failed(Stage::Session))?;
    }
    // SAFETY: a supervisor is the copy of the zygote's only thread and starts no other.
    let mut side = unsafe { child::clone(None, place.leaf) };
    let mut in_leaf = place.leaf.is_some();
    if side.is_err() && in_leaf && !place.required {
        // The leaf was removed meanwhile, for instance by an agent that found it empty after a
        // crash; or it takes no process any more.
        in_leaf = false;
        // SAFETY: the same.
        side = unsafe { child::clone(None, None) };
    }
    let stage = if place.required { Stage::Limits } else { Stage::Clone };
    match side.map_err(failed(stage))? {
        Side::Child => child::exec(&launch, &argv, &envp, failures.as_raw_fd()),
        Side::Parent { pid, .. } => Ok((Command { pid, failure, in_leaf }, wake)),
    }
}
