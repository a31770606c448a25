//! The exit statuses. They are part of the interface and never change.

use crate::error::Error;
use std::process::ExitCode;

/// What was asked for was done.
pub(crate) const DONE: u8 = 0;
/// The query failed: the plugin or the agent says why. A schedule or crontab is wrong.
pub(crate) const FAILED: u8 = 1;
/// It could not be asked: plugin not found or refused, agent or controller out of reach, host unknown.
pub(crate) const NOT_ASKED: u8 = 3;
/// `exec`, `task result`: the command did not end by itself, could not be asked for, or has no result yet.
pub(crate) const EXEC_FAILED: u8 = 255;

/// For `--help`. Status 2 is clap's own.
pub(crate) const HELP: &str = "\
Exit status:
  0  done
  1  the query failed: the plugin or the agent says why on standard error; or a schedule is wrong
  2  wrong flags
  3  could not be asked: plugin not found or refused, agent or controller out of reach, host unknown
exec and task result exit as the command does; 255 when the command did not end by itself (timed
out, killed, not started), could not be asked for, or has no result yet.";

/// The status of an error.
pub(crate) fn status(error: &Error, command: bool) -> ExitCode {
    ExitCode::from(match error {
        _ if command => EXEC_FAILED,
        Error::Failed(_) | Error::Output(_) => FAILED,
        Error::NotAsked(_) | Error::Away(_) | Error::Unanswered(_) => NOT_ASKED,
    })
}
