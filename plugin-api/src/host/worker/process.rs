//! Starting a worker process, its channel, and its end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, dup2_stdin};

/// A worker that is ready to be spawned. Drop the command after that: it holds the writing end of
/// the output pipe.
#[derive(Debug)]
pub struct Prepared {
    /// The command to spawn.
    pub command: Command,
    /// The host's end of the channel.
    pub channel: UnixStream,
    /// The plugin's output.
    pub output: PipeReader,
}

/// Prepares a worker with an empty environment, in a process group of its own: children that the
/// plugin starts are killed with it, and a terminal's ^C does not reach it.
///
/// # Errors
/// Those of socketpair(2) and pipe(2).
pub fn prepare(
    program: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> io::Result<Prepared> {
    let (channel, workers) = UnixStream::pair()?;
    let (output, writer) = io::pipe()?;
    #[expect(clippy::disallowed_methods, reason = "a worker is this very program, started again")]
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(workers)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    Ok(Prepared { command, channel, output })
}

/// In a worker: moves the channel away from descriptor 0, where a plugin that reads standard input
/// would consume it.
///
/// # Errors
/// Those of fcntl(2), open(2) and dup2(2).
pub fn take_channel() -> io::Result<UnixStream> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(channel))
}

/// Kills the process group of a worker. Call it only before the worker is reaped: afterwards the
/// number may belong to another process.
pub fn kill_group(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // ESRCH: the whole group has ended.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Returns how a worker ended, for an error message: `killed by signal 6 (SIGABRT)`.
pub fn how_ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match Signal::try_from(signal) {
            Ok(name) => format!("killed by signal {signal} ({name})"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, code) => format!("exited with status {}", code.unwrap_or_default()),
    }
}
