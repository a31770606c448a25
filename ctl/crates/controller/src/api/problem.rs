//! Every error of the API, and its problem details (RFC 9457).

use super::wrong_tokens::PAUSE;
use crate::agents::NoReply;
use crate::auth::{LOGIN_PAUSE, NoRandomness, PasswordError};
use crate::store::StoreError;
use agent_wire::json::quote;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use controller_api::{CSRF_HEADER, PROBLEM_JSON, Problem, ProblemKind};
use fleet::role::Denied;

/// Seconds until a client may try again where there are too many streams or runs.
const CROWDED_PAUSE: u64 = 10;

/// Why a client's request came to nothing.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The token is missing or wrong.
    Unauthorized,
    /// The API has no such path.
    UnknownPath,
    /// The path does not support the HTTP method.
    MethodNotAllowed,
    /// The path, query or body is invalid, for this reason.
    InvalidRequest(String),
    /// The body is larger than so many bytes.
    TooLarge(usize),
    /// The operator's roles do not allow it.
    Forbidden(Denied),
    /// A session's request lacks the CSRF token.
    CsrfRequired,
    /// The name or password is wrong.
    WrongPassword,
    /// Too many log-ins failed.
    TooManyLogins,
    /// The setup link is not valid.
    SetupClosed,
    /// There is no host with this id.
    UnknownHost(String),
    /// The host gets no request.
    HostNotActive {
        /// The host's id.
        host: String,
        /// The state's name.
        state: &'static str,
    },
    /// Something does not exist, for this reason.
    NotFound(String),
    /// The present state does not allow it, for this reason.
    Conflict(String),
    /// The idempotency key belongs to another request.
    IdempotencyMismatch,
    /// A request with the idempotency key has created something with a secret.
    AlreadyCreated,
    /// The store is full, for this reason.
    StoreFull(String),
    /// The database cannot be used.
    StoreUnavailable,
    /// The host with this id is not connected.
    HostNotConnected(String),
    /// There is no result for the task.
    NoResult {
        /// The task's id.
        task: String,
    },
    /// The host did not reply.
    NoReply {
        /// The host's id.
        host: String,
        /// Why not.
        why: NoReply,
    },
    /// The token is wrong, like many before it from the same address.
    WrongTokens,
    /// Clients follow too many streams, for this reason.
    TooManyStreams(String),
    /// Too many runs are active, for this reason.
    TooManyRuns(String),
    /// The request's target is too long.
    TargetTooLong,
    /// The request's header fields are too large.
    HeadTooLarge,
    /// Other clients hold the memory for responses.
    Busy,
    /// The controller is shutting down.
    Stopping,
    /// The controller cannot do all of its work, for this reason.
    NotReady(String),
    /// The controller failed; its log says why.
    Internal,
}

impl ApiError {
    /// Returns the problem details.
    pub(super) fn problem(&self) -> Problem {
        let (kind, detail) = match self {
            Self::Unauthorized => (
                ProblemKind::Unauthorized,
                "the header Authorization: Bearer TOKEN, or the session's cookie, is missing or \
                 wrong"
                    .to_owned(),
            ),
            Self::UnknownPath => {
                (ProblemKind::UnknownPath, "no such path; the API is described at /api/v1/openapi.json".to_owned())
            }
            Self::MethodNotAllowed => {
                (ProblemKind::MethodNotAllowed, "method not allowed".to_owned())
            }
            Self::InvalidRequest(why) => (ProblemKind::InvalidRequest, why.clone()),
            Self::TooLarge(most) => {
                (ProblemKind::TooLarge, format!("a request must be at most {most} bytes"))
            }
            Self::Forbidden(denied) => (ProblemKind::Forbidden, denied.to_string()),
            Self::CsrfRequired => (
                ProblemKind::CsrfRequired,
                format!("the header {CSRF_HEADER} with the session's CSRF token is missing or wrong"),
            ),
            Self::WrongPassword => (
                ProblemKind::WrongPassword,
                "the name or password is wrong, or the operator is disabled".to_owned(),
            ),
            Self::TooManyLogins => (
                ProblemKind::TooManyLogins,
                format!(
                    "too many log-ins failed for this name or from this address; wait {} s",
                    LOGIN_PAUSE.as_secs()
                ),
            ),
            Self::SetupClosed => (
                ProblemKind::SetupClosed,
                "the setup link is wrong, was used or has expired; the controller prints a new one \
                 at its next start as long as there is no operator"
                    .to_owned(),
            ),
            Self::UnknownHost(host) => {
                (ProblemKind::UnknownHost, format!("there is no host \"{}\"", quote(host)))
            }
            Self::HostNotActive { host, state } => (
                ProblemKind::HostNotActive,
                format!("host {host} gets no request: it is {state}"),
            ),
            Self::NotFound(why) => (ProblemKind::NotFound, why.clone()),
            Self::Conflict(why) => (ProblemKind::Conflict, why.clone()),
            Self::IdempotencyMismatch => (
                ProblemKind::IdempotencyMismatch,
                "this idempotency key came with another request; use a new one".to_owned(),
            ),
            Self::AlreadyCreated => (
                ProblemKind::AlreadyCreated,
                "an earlier request with this idempotency key was carried out, and showed the \
                 secret once; if it is lost, revoke what was created and use a new key"
                    .to_owned(),
            ),
            Self::StoreFull(why) => (ProblemKind::StoreFull, why.clone()),
            Self::StoreUnavailable => (
                ProblemKind::StoreUnavailable,
                "the controller's database cannot be used at present; its log says why".to_owned(),
            ),
            Self::HostNotConnected(host) => (
                ProblemKind::HostNotConnected,
                format!("host \"{}\" is not connected", quote(host)),
            ),
            Self::NoResult { task } => (
                ProblemKind::NoResult,
                format!("no result for task \"{}\": unknown, or not finished", quote(task)),
            ),
            Self::NoReply { host, why: NoReply::Withheld(why) } => {
                (ProblemKind::HostNotActive, format!("host {host} gets no request: {why}"))
            }
            Self::NoReply { host, why: NoReply::Duplicate } => (
                ProblemKind::DuplicateRequest,
                format!(
                    "host {host} has not answered an earlier request with this id; retry later"
                ),
            ),
            Self::NoReply { host, why: NoReply::Busy } => (
                ProblemKind::HostBusy,
                format!("too many requests are waiting for host {host}; retry later"),
            ),
            Self::NoReply { host, why: NoReply::Disconnected } => (
                ProblemKind::HostDisconnected,
                format!(
                    "host {host} disconnected before it replied; it may have started the request"
                ),
            ),
            Self::NoReply { host, why: NoReply::TimedOut } => (
                ProblemKind::HostTimedOut,
                format!(
                    "host {host} did not reply in time; it may still be working on the request"
                ),
            ),
            Self::NoReply { host, why: NoReply::Invalid(error) } => (
                ProblemKind::InvalidReply,
                format!(
                    "the reply of host {host} cannot be read, though it has worked on the request: \
                     {error}"
                ),
            ),
            Self::NoReply { host, why: NoReply::Stopping } => (
                ProblemKind::ShuttingDown,
                format!(
                    "the controller is shutting down and did not wait for the reply of host {host}; \
                     the host may have started the request"
                ),
            ),
            Self::WrongTokens => (
                ProblemKind::TooManyWrongTokens,
                format!(
                    "the token is wrong, like many before it from this address; wait {} s",
                    PAUSE.as_secs()
                ),
            ),
            Self::TooManyRuns(why) => (ProblemKind::TooManyRuns, why.clone()),
            Self::TooManyStreams(why) => (ProblemKind::TooManyStreams, why.clone()),
            Self::TargetTooLong => (
                ProblemKind::TargetTooLong,
                "the request's target (path and query) is too long".to_owned(),
            ),
            Self::HeadTooLarge => (
                ProblemKind::HeadTooLarge,
                "the request has too many or too large header fields".to_owned(),
            ),
            Self::Busy => (
                ProblemKind::ControllerBusy,
                "other clients keep the controller busy; retry later".to_owned(),
            ),
            Self::Stopping => {
                (ProblemKind::ShuttingDown, "the controller is shutting down".to_owned())
            }
            Self::NotReady(why) => (ProblemKind::NotReady, why.clone()),
            Self::Internal => {
                (ProblemKind::Internal, "internal error; the controller's log says why".to_owned())
            }
        };
        Problem::new(kind, detail)
    }
}

impl From<StoreError> for ApiError {
    /// Logs the database's own errors, which clients do not see.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(why) => Self::NotFound(why),
            StoreError::Conflict(why) => Self::Conflict(why),
            StoreError::Full(why) => Self::StoreFull(why),
            error @ StoreError::Unavailable { .. } => {
                log::error!("{error}");
                Self::StoreUnavailable
            }
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Length => Self::InvalidRequest(error.to_string()),
            PasswordError::Busy => Self::Busy,
            PasswordError::Broken => {
                log::error!("{error}");
                Self::Internal
            }
        }
    }
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        log::error!("{error}");
        Self::Internal
    }
}

/// What a response's problem says, for the audit log and the metrics.
#[derive(Clone, Debug)]
pub(super) struct Problematic {
    pub(super) detail: String,
    pub(super) kind: Option<ProblemKind>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).expect("every kind has a valid status");
        let mut response =
            Response::builder().status(status).header(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Self::Unauthorized = self {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        if let Self::WrongTokens = self {
            response = response.header(header::RETRY_AFTER, PAUSE.as_secs());
        }
        if let Self::TooManyLogins = self {
            response = response.header(header::RETRY_AFTER, LOGIN_PAUSE.as_secs());
        }
        if let Self::TooManyStreams(_) | Self::TooManyRuns(_) = self {
            response = response.header(header::RETRY_AFTER, CROWDED_PAUSE);
        }
        let text = serde_json::to_string(&problem).expect("text and a number go to memory");
        let kind = problem.kind();
        let response = response.extension(Problematic { detail: problem.detail, kind });
        response.body(Body::from(text)).expect("a status and fixed headers make a response")
    }
}
