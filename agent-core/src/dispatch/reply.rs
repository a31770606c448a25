//! The one place where an error becomes a retcode (§4). The peer learns what it can act on; the log
//! has the rest.

use super::failure::{Failure, Finished};
use super::ticket::MAX_IN_FLIGHT;
use crate::audit::Entry;
use crate::exec::StartError;
use crate::policy::Rejection;
use crate::task::{self, CommitError};
use crate::{enroll, plugin, schedule};
use agent_wire::Retcode;
use agent_wire::json::quote;
use agent_wire::message::Response;
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::fmt::Display;

/// Returns a success that carries `data`.
pub(super) fn with_data(id: &str, data: &impl Serialize) -> Finished {
    match to_raw_value(data) {
        Ok(data) => Ok(Response::success(id, 0).with_json(data)),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

/// Returns the failed reply for a command that a signal killed, and names the signal.
pub(super) fn signaled(id: &str, signal: i32, core: bool) -> Response {
    let name = nix::sys::signal::Signal::try_from(signal)
        .map_or("an unnamed signal", |signal| signal.as_str());
    let dumped = if core { ", core dumped" } else { "" };
    let mut response =
        Response::failed(Some(id), Retcode::Signaled, format!("{name} ({signal}){dumped}"));
    response.signal = Some(signal);
    response
}

/// Returns the failed reply for a bug, which only the agent's maintainers can act on.
pub(super) fn internal(id: &str, error: &dyn Display) -> Response {
    log::error!("request {}: {error}", quote(id));
    Response::failed(Some(id), Retcode::Internal, "see the agent's log for this id")
}

/// Returns the failed reply for a failure. The audit entry learns the rule where the policy
/// rejected the request.
pub(super) fn failed(id: &str, failure: &Failure, entry: Option<&mut Entry>) -> Response {
    if let (Failure::Rejected(Rejection::Refused(refusal)), Some(entry)) = (failure, entry) {
        entry.refused_by(&refusal.rule);
    }
    match retcode(failure) {
        Ok((retcode, detail)) => Response::failed(Some(id), retcode, detail),
        Err(bug) => internal(id, bug),
    }
}

/// Returns a failure's retcode and what follows its phrase in the message. A failure that the peer
/// can't act on comes back for the log.
fn retcode(failure: &Failure) -> Result<(Retcode, String), &dyn Display> {
    Ok(match failure {
        Failure::InvalidParams(why) => (Retcode::InvalidParams, why.to_string()),
        Failure::NoSuchMethod(name) => (Retcode::NoSuchMethod, quote(name).to_string()),
        Failure::NotRunning(target) => {
            (Retcode::NotFound, format!("\"{}\" is not running", quote(target)))
        }
        Failure::TooManyRequests => {
            (Retcode::Busy, format!("at most {MAX_IN_FLIGHT} requests run or wait"))
        }
        Failure::ShuttingDown => shutting_down(),
        Failure::Rejected(rejection) => match rejection {
            Rejection::Refused(_) => (Retcode::Refused, rejection.to_string()),
            Rejection::CommandTooLong => (Retcode::InvalidParams, rejection.to_string()),
        },
        Failure::OnlyForControllers => {
            (Retcode::Refused, "only a controller may ask for this".to_owned())
        }
        Failure::Enroll(error) => match error {
            enroll::Error::NotEnrolled => (Retcode::Refused, error.to_string()),
            enroll::Error::Issued(_) => (Retcode::InvalidParams, error.to_string()),
            enroll::Error::Stopping => shutting_down(),
            enroll::Error::File { .. }
            | enroll::Error::Locked(_)
            | enroll::Error::Damaged { .. }
            | enroll::Error::Crypto(_)
            | enroll::Error::NoChannel => return Err(error),
        },
        Failure::Start(error) => not_started(error),
        Failure::Task(error) | Failure::Schedule(schedule::Error::Task(error)) => {
            return task_failed(error);
        }
        Failure::Schedule(
            error @ (schedule::Error::Invalid { .. } | schedule::Error::InFile { .. }),
        ) => (Retcode::InvalidParams, error.to_string()),
        Failure::Schedule(error @ schedule::Error::System { .. }) => return Err(error),
        Failure::Plugin(error) => plugin_failed(error),
        Failure::Internal(why) => return Err(why),
    })
}

fn shutting_down() -> (Retcode, String) {
    (Retcode::ShuttingDown, "no new requests".to_owned())
}

/// Returns the retcode and message of a plugin's call that failed.
fn plugin_failed(error: &plugin::Error) -> (Retcode, String) {
    let retcode = match error {
        plugin::Error::Refused(_) => Retcode::PluginRefused,
        plugin::Error::Args { .. } => Retcode::InvalidParams,
        plugin::Error::Failed { .. } => Retcode::PluginFailed,
        plugin::Error::Crashed { .. } => Retcode::PluginCrashed,
        plugin::Error::TimedOut { .. } => Retcode::PluginTimedOut,
        plugin::Error::Busy { .. } => Retcode::Busy,
        plugin::Error::ShuttingDown => return shutting_down(),
    };
    (retcode, error.to_string())
}

/// Returns the retcode of a command or task that was not started, and the rest of the message.
fn not_started(error: &StartError) -> (Retcode, String) {
    match error {
        StartError::NoSuchUser(user) => (Retcode::NoSuchUser, format!("user {user}")),
        StartError::NoSuchGroup(group) => (Retcode::NoSuchUser, format!("group {group}")),
        StartError::InvalidCommand { .. } => (Retcode::InvalidParams, error.to_string()),
        StartError::Busy { .. } => (Retcode::Busy, error.to_string()),
        StartError::NotStarted(step) if error.is_out_of_descriptors() => {
            (Retcode::Busy, format!("{step}; retry later"))
        }
        StartError::NotStarted(step) => (Retcode::NotStarted, step.to_string()),
        StartError::ShuttingDown => shutting_down(),
    }
}

/// Returns the retcode of an error about a task or a job, and the rest of the message.
fn task_failed(error: &task::Error) -> Result<(Retcode, String), &dyn Display> {
    use task::Error;
    Ok(match error {
        Error::Start(error) => not_started(error),
        Error::NoSuchTask(_) | Error::NoSuchJob(_) | Error::NotEnded(_) => {
            (Retcode::NotFound, error.to_string())
        }
        Error::Differs(_) => (Retcode::AlreadyExists, error.to_string()),
        Error::Expired { .. } => (Retcode::Expired, error.to_string()),
        Error::NoSpace(why) => (Retcode::NoSpace, why.clone()),
        Error::Busy(why) => (Retcode::Busy, why.clone()),
        Error::Journal(CommitError::NoSpace(_)) => (Retcode::NoSpace, error.to_string()),
        Error::Journal(CommitError::Busy) => (Retcode::Busy, error.to_string()),
        Error::Journal(CommitError::Closed) => shutting_down(),
        Error::Journal(CommitError::Failed(_)) | Error::File { .. } | Error::System { .. } => {
            return Err(error);
        }
    })
}
