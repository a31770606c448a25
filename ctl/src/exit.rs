//! The exit statuses. They are part of the interface and never change. They are the same for this
//! machine and for a host: the agent's retcodes lead to the statuses of a plugin called here.

use crate::error::Error;
use agent_wire::Retcode;
use std::process::ExitCode;

/// Success.
pub(crate) const DONE: u8 = 0;
/// The plugin, the agent or the controller reported a failure, a schedule, crontab or plugin is
/// invalid, or a question was answered with no.
pub(crate) const FAILED: u8 = 1;
/// Usage error: here, or rejected by the plugin or the agent. Also clap's own.
pub(crate) const USAGE: u8 = 2;
/// The request was not possible: plugin missing or refused, agent, controller or host unreachable,
/// token rejected, not allowed.
pub(crate) const UNAVAILABLE: u8 = 3;
/// `run`: too many hosts failed, and the others were not started.
pub(crate) const STOPPED: u8 = 4;
/// `run`: an operator canceled it.
pub(crate) const CANCELED: u8 = 5;
/// `run`: Ctrl-C; the run goes on without this process.
pub(crate) const DETACHED: u8 = 6;
/// `exec`, `task result`: the command did not exit by itself, or there is no result.
pub(crate) const EXEC_FAILED: u8 = 255;

/// For `--help`.
pub(crate) const HELP: &str = "\
Exit status, the same for this machine, a host and a controller:
  0    success
  1    the plugin, the agent or the controller reported a failure; a schedule, crontab or plugin is
       invalid; a question was answered with no; the audit log was tampered with
  2    usage error: a flag, a name or an argument is wrong, or was rejected (retcode 3021)
  3    the request was not possible: no such method, host or token, plugin missing or refused (3004,
       3051), agent, controller or host unreachable, token rejected, or your roles do not allow it
  255  exec, task result: the command did not exit by itself (timed out, killed, not started), the
       request was not possible, or there is no result yet; otherwise the command's own status";

/// For the `--help` of the subcommands about a controller.
pub(crate) const SHORT_HELP: &str = "\
Exit status: 0 done; 1 failed, or answered with no; 2 usage error, or rejected; 3 not possible:
controller unreachable, token rejected, not allowed, or not found.";

/// For the `--help` of `status`, whose numbers are those of monitoring plugins.
pub(crate) const STATUS_HELP: &str = "\
Exit status, for monitoring:
  0  the agent is well
  1  warning: no channel to a server for less than 5 minutes, the host has not joined or waits for
     approval, the certificate is in its last quarter and was not renewed, a line of a crontab file is
     wrong, or results of jobs were discarded
  2  critical: no channel for 5 minutes, the server refuses the host, or the certificate has expired;
     also a usage error
  3  unknown: the agent does not answer: it does not run, or you are not root

--json prints one object: form (1; members may be added to a form), state (ok, warning, critical,
unknown), reasons (texts), agent (the reply to agent.info; absent if there is none), and next_jobs (at
most 5, soonest first, each with due and name).";

/// For the `--help` of `run`.
pub(crate) const RUN_HELP: &str = "\
Exit status, of run, run apply, run again and run watch:
  0  every host succeeded; with --plan or --detach: done
  1  some hosts did not succeed, or the question was answered with no
  2  usage error: a flag, a selector or a field is wrong, or there is nobody to ask and no --yes
  3  the request was not possible: controller unreachable, token rejected, not allowed, no host
  4  the run was stopped: more hosts failed than --stop-after bears
  5  the run was canceled
  6  detached with Ctrl-C: the run goes on, and run watch comes back to it";

/// Returns the error for a failed reply of an agent: its retcode, then its message.
pub(crate) fn failure(retcode: u16, message: &str) -> Error {
    let text = format!("{retcode} {message}");
    match Retcode::ALL.into_iter().find(|known| known.number() == retcode) {
        Some(Retcode::InvalidParams) => Error::rejected(text),
        Some(Retcode::NoSuchMethod | Retcode::PluginRefused) => Error::unavailable(text),
        _ => Error::failed(text),
    }
}

/// Returns the exit status for an error; `command`: the exit status is otherwise a command's.
pub(crate) fn status(error: &Error, command: bool) -> ExitCode {
    let status = match error {
        // Before anything was sent, as clap's own errors.
        Error::Usage(_) => return ExitCode::from(USAGE),
        Error::Failed(_) | Error::Output(_) => FAILED,
        Error::Rejected(_) => USAGE,
        Error::Unavailable(_) | Error::Unreachable(_) | Error::NoReply(_) => UNAVAILABLE,
    };
    ExitCode::from(if command { EXEC_FAILED } else { status })
}
