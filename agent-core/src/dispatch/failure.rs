//! Why a request failed: the errors of every area that a handler calls, and dispatch's own.

use crate::exec::StartError;
use crate::policy::Rejection;
use crate::{enroll, plugin, schedule, task};
use agent_wire::InvalidParams;
use agent_wire::message::Response;

/// Why a request failed. [`super::reply`] maps each variant to its retcode.
#[derive(Debug)]
pub(super) enum Failure {
    /// A field is missing, of the wrong type or out of its range.
    InvalidParams(InvalidParams),
    /// This agent has no method of this name.
    NoSuchMethod(String),
    /// The request that `sync.cancel` names does not run.
    NotRunning(String),
    /// As many requests run and wait as this agent accepts.
    TooManyRequests,
    /// The agent is shutting down and accepts no new requests.
    ShuttingDown,
    /// The policy does not admit the request.
    Rejected(Rejection),
    /// The method is not for the host's own root.
    OnlyForControllers,
    /// The host's certificate or its CAs could not be changed.
    Enroll(enroll::Error),
    /// The command was not started, or its account was not found.
    Start(StartError),
    /// A task could not be accepted, found or changed.
    Task(task::Error),
    /// A job could not be set, changed or run.
    Schedule(schedule::Error),
    /// A plugin's call failed.
    Plugin(plugin::Error),
    /// A bug, or data that can't be written as JSON.
    Internal(String),
}

/// A handler's outcome.
pub(super) type Finished = Result<Response, Failure>;

/// What routing a request returns: its reply, or `None` when that follows later.
pub(super) type Routed = Result<Option<Response>, Failure>;

impl From<InvalidParams> for Failure {
    fn from(why: InvalidParams) -> Self {
        Self::InvalidParams(why)
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<enroll::Error> for Failure {
    fn from(error: enroll::Error) -> Self {
        Self::Enroll(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<task::Error> for Failure {
    fn from(error: task::Error) -> Self {
        Self::Task(error)
    }
}

impl From<schedule::Error> for Failure {
    fn from(error: schedule::Error) -> Self {
        Self::Schedule(error)
    }
}

impl From<plugin::Error> for Failure {
    fn from(error: plugin::Error) -> Self {
        Self::Plugin(error)
    }
}
