//! The exit statuses. They are part of the interface and never change.

use crate::error::Error;
use std::process::ExitCode;

/// Success.
pub(crate) const DONE: u8 = 0;
/// The plugin or the agent reported a failure, or a schedule or crontab is invalid.
pub(crate) const FAILED: u8 = 1;
/// The request was not possible: plugin missing or refused, agent, controller or host unreachable.
pub(crate) const UNAVAILABLE: u8 = 3;
/// `exec`, `task result`: the command did not exit by itself, or there is no result.
pub(crate) const EXEC_FAILED: u8 = 255;

/// For `--help`. Status 2 is clap's own.
pub(crate) const HELP: &str = "\
Exit status:
  0  success
  1  the plugin or the agent reported a failure on standard error; or a schedule is invalid
  2  usage error
  3  the request was not possible: plugin missing or refused, agent, controller or host unreachable
exec and task result exit with the command's status; 255 if the command did not exit by itself (timed
out, killed, not started), the request was not possible, or there is no result yet.";

/// Returns the exit status for an error; `command`: the exit status is otherwise a command's.
pub(crate) fn status(error: &Error, command: bool) -> ExitCode {
    let status = match error {
        Error::Failed(_) | Error::Output(_) => FAILED,
        Error::Unavailable(_) | Error::Unreachable(_) | Error::NoReply(_) => UNAVAILABLE,
    };
    ExitCode::from(if command { EXEC_FAILED } else { status })
}
