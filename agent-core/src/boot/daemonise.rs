//! Detaches from the terminal: fork, setsid, fork, / and /dev/null (daemon(7), "SysV daemons").
//!
//! [`super::launch`] calls it. Unlike daemon(3), the launching process stays until the daemon
//! reports whether its start succeeded, so a script that runs `boot` sees a failure.

use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process;

use crate::logging;
use agent_sys::daemon;
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use super::Error;
use super::cli::Status;
use super::signals::Signals;

/// Bytes that are read of a daemon's report.
const REPORT_MAX: u64 = 8 * 1024;

/// One of the two processes after the split.
#[derive(Debug)]
pub(super) enum Side {
    /// The original process, after the daemon's report: boot ends with this status.
    Launcher(Status),
    /// The daemon, which must still report.
    Daemon(Report),
}

/// The daemon's pipe to its launcher. Dropped without a report, it stands for a failed start.
#[derive(Debug)]
pub(super) struct Report(PipeWriter);

/// Splits into launcher and daemon. The launcher returns when the daemon has reported.
///
/// # Errors
/// [`Error::System`], in the launcher only: the daemon could not be created. The daemon reports its
/// own failures through the pipe.
pub(super) fn daemonise(signals: &Signals) -> Result<Side, Error> {
    let (reader, writer) = io::pipe().map_err(|source| Error::System { call: "pipe", source })?;
    match daemon::fork().map_err(|source| Error::System { call: "fork", source })? {
        ForkResult::Parent { child } => {
            drop(writer);
            // The launcher only waits: the daemon handles the signals.
            signals.release();
            // The intermediate process, which exits as soon as it has forked.
            let _ = waitpid(child, None);
            Ok(Side::Launcher(verdict(reader)))
        }
        ForkResult::Child => {
            let report = Report(writer);
            match detach() {
                Ok(()) => Ok(Side::Daemon(report)),
                Err(error) => process::exit(report.failed(&error) as i32),
            }
        }
    }
}

/// Detaches the child. Returns only in the grandchild.
fn detach() -> Result<(), Error> {
    let failed = |call| move |errno: nix::Error| Error::System { call, source: errno.into() };
    setsid().map_err(failed("setsid"))?;
    // The grandchild is not the session's leader, so it can never acquire a terminal again.
    if let ForkResult::Parent { .. } =
        daemon::fork().map_err(|source| Error::System { call: "fork", source })?
    {
        process::exit(0);
    }
    chdir("/").map_err(failed("chdir /"))?;
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|source| Error::File { path: "/dev/null".into(), source })?;
    dup2_stdin(&null).map_err(failed("dup2"))?;
    dup2_stdout(&null).map_err(failed("dup2"))?;
    dup2_stderr(&null).map_err(failed("dup2"))
}

impl Report {
    /// Lets the launcher end with success.
    pub(super) fn ready(mut self) {
        // A launcher that was killed meanwhile does not matter.
        let _ = self.0.write_all(&[Status::Done as u8]);
    }

    /// Lets the launcher print the error and end with its status, which is this process's too.
    pub(super) fn failed(mut self, error: &Error) -> Status {
        let status = Status::from(error);
        let _ = write!(self.0, "{}{error}", char::from(status as u8));
        status
    }
}

/// Waits for the report and prints it if it is bad.
fn verdict(reader: PipeReader) -> Status {
    let mut report = Vec::new();
    let read = reader.take(REPORT_MAX).read_to_end(&mut report);
    let (status, message) = match report.split_first() {
        Some((&0, _)) => return Status::Done,
        Some((&status, message)) if status == Status::AlreadyRunning as u8 => {
            (Status::AlreadyRunning, String::from_utf8_lossy(message))
        }
        Some((_, message)) => (Status::NotStarted, String::from_utf8_lossy(message)),
        None => match read {
            Ok(_) => (Status::NotStarted, "the daemon exited before it was ready".into()),
            Err(error) => {
                (Status::NotStarted, format!("no report from the daemon: {error}").into())
            }
        },
    };
    logging::complain(super::PROGRAM, &message);
    status
}
