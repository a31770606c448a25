//! The one place where an error becomes a retcode (§4). The peer is told what it can act on; the log has the rest.

use crate::Error;
use agent_wire::message::Response;
use agent_wire::{InvalidParams, Retcode};
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

/// The failed answer for an error.
pub(super) fn failed(id: &str, error: &Error) -> Response {
    let retcode = match error {
        Error::NoSuchUser(_) | Error::NoSuchGroup(_) => Retcode::NoSuchUser,
        other => return internal(id, other),
    };
    Response::failed(Some(id), retcode, error)
}
