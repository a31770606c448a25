//! The one place where an error becomes a retcode (§4). The peer is told what it can act on; the log has the rest.

use crate::Error;
use crate::exec::StartError;
use crate::plugin;
use crate::schedule;
use crate::task::{self, CommitError};
use agent_wire::message::Response;
use agent_wire::{InvalidParams, Retcode};
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::fmt::Display;

/// A field that is not as the protocol has it.
pub(super) fn invalid(id: &str, why: &InvalidParams) -> Response {
    Response::failed(Some(id), Retcode::InvalidParams, why)
}

/// A failure nobody but the agent's maintainers can act on.
pub(super) fn internal(id: &str, error: &dyn Display) -> Response {
    log::error!("request {}: {error}", agent_wire::json::quote(id));
    Response::failed(Some(id), Retcode::Internal, "see the agent's log for this id")
}

/// A success that carries a value.
pub(super) fn with_data(id: &str, data: &impl Serialize) -> Response {
    match to_raw_value(data) {
        Ok(data) => Response::success(id, 0).with_json(data),
        Err(error) => internal(id, &error),
    }
}

/// The failed answer for a command that a signal has ended, which it names.
pub(super) fn signaled(id: &str, signal: i32, core: bool) -> Response {
    let name =
        nix::sys::signal::Signal::try_from(signal).map_or("an unnamed signal", |signal| signal.as_str());
    let dumped = if core { ", core dumped" } else { "" };
    let mut response = Response::failed(Some(id), Retcode::Signaled, format!("{name} ({signal}){dumped}"));
    response.signal = Some(signal);
    response
}

/// The failed answer for an error. Where the retcode's phrase says it already, only the rest is told.
pub(super) fn failed(id: &str, error: &Error) -> Response {
    let (retcode, detail) = match error {
        Error::Exec(error) => not_started(error),
        Error::Plugin(error) => plugin_failed(error),
        Error::Schedule(schedule::Error::Task(error)) | Error::Task(error) => match task_error(error) {
            Some(reply) => reply,
            None => return internal(id, error),
        },
        Error::Schedule(schedule::Error::Invalid { .. } | schedule::Error::InFile { .. }) => {
            (Retcode::InvalidParams, error.to_string())
        }
        Error::Schedule(schedule::Error::System { .. }) => return internal(id, error),
        Error::RefusedByPolicy { .. } => (Retcode::Refused, error.to_string()),
        other => return internal(id, other),
    };
    Response::failed(Some(id), retcode, detail)
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
        plugin::Error::ShuttingDown => {
            return (Retcode::ShuttingDown, "no new requests".to_owned());
        }
    };
    (retcode, error.to_string())
}

/// The retcode of a command or task that was not started, and the rest of the message.
fn not_started(error: &StartError) -> (Retcode, String) {
    match error {
        StartError::NoSuchUser(user) => (Retcode::NoSuchUser, format!("user {user}")),
        StartError::NoSuchGroup(group) => (Retcode::NoSuchUser, format!("group {group}")),
        StartError::InvalidCommand { .. } => (Retcode::InvalidParams, error.to_string()),
        StartError::OverBound { .. } | StartError::Busy { .. } => (Retcode::Busy, error.to_string()),
        StartError::NotStarted(step) => (Retcode::NotStarted, step.to_string()),
        StartError::ShuttingDown => (Retcode::ShuttingDown, "no new requests".to_owned()),
    }
}

/// Returns the retcode of an error about a task or a job, and the rest of the message; `None` for a
/// failure that the peer can do nothing about.
fn task_error(error: &task::Error) -> Option<(Retcode, String)> {
    use task::Error;
    Some(match error {
        Error::Start(error) => not_started(error),
        Error::NoSuchTask(_) | Error::NoSuchJob(_) | Error::NotEnded(_) => {
            (Retcode::NotFound, error.to_string())
        }
        Error::Differs(_) => (Retcode::AlreadyExists, error.to_string()),
        Error::NoSpace(why) => (Retcode::NoSpace, why.clone()),
        Error::Busy(why) => (Retcode::Busy, why.clone()),
        Error::Journal(CommitError::NoSpace(_)) => (Retcode::NoSpace, error.to_string()),
        Error::Journal(CommitError::Busy) => (Retcode::Busy, error.to_string()),
        Error::Journal(CommitError::Closed) => (Retcode::ShuttingDown, "no new requests".to_owned()),
        Error::Journal(CommitError::Failed(_)) | Error::File { .. } | Error::System { .. } => {
            return None;
        }
    })
}
