//! Problem details (RFC 9457): why the controller has no answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`] (RFC 9457 §3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request came to nothing. A reader accepts one without its other members, as RFC 9457 asks
/// for; only `detail` is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem as a URI, for programs.
    #[serde(rename = "type", default = "about_blank")]
    #[schema(required, format = "uri", example = "urn:basicagent:problem:invalid-request")]
    pub type_uri: String,
    /// The kind of problem in a few words, the same for each problem of the kind.
    #[serde(default)]
    #[schema(required, example = "Invalid request")]
    pub title: String,
    /// The HTTP status code; 0 if the problem does not say.
    #[serde(default)]
    #[schema(required, example = 400)]
    pub status: u16,
    /// What failed, on what, and what to do: one sentence for people.
    #[schema(example = "limit must be from 1 to 1000")]
    pub detail: String,
}

impl Problem {
    /// Describes a problem.
    pub fn new(kind: ProblemKind, detail: String) -> Self {
        let Description { name, title, status } = kind.description();
        Self { type_uri: format!("{PREFIX}{name}"), title: title.to_owned(), status, detail }
    }

    /// Returns the kind of problem; `None` for a kind that only a later version knows.
    pub fn kind(&self) -> Option<ProblemKind> {
        let name = self.type_uri.strip_prefix(PREFIX)?;
        ProblemKind::ALL.into_iter().find(|kind| kind.description().name == name)
    }
}

/// The type of a problem without one (RFC 9457 §3.1.1).
fn about_blank() -> String {
    "about:blank".to_owned()
}

/// Before the kind's name in [`Problem::type_uri`].
const PREFIX: &str = "urn:basicagent:problem:";

/// The kinds of problems. A kind's name and status never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The token is missing or wrong.
    Unauthorized,
    /// The request's query or body is invalid.
    InvalidRequest,
    /// The request's body is too large.
    TooLarge,
    /// The API has no such path.
    UnknownPath,
    /// The path does not support this HTTP method.
    MethodNotAllowed,
    /// The host is not connected.
    HostNotConnected,
    /// The controller has not stored a result for this task.
    NoResult,
    /// The host has not answered an earlier request with the same id.
    DuplicateRequest,
    /// Too many requests are waiting for the host.
    HostBusy,
    /// The host disconnected before it replied.
    HostDisconnected,
    /// The host did not reply in time.
    HostTimedOut,
    /// The host's reply cannot be read.
    InvalidReply,
    /// The request's target is too long.
    TargetTooLong,
    /// The request's header fields are too large.
    HeadTooLarge,
    /// Too many wrong tokens came from this address.
    TooManyWrongTokens,
    /// Too many runs are active, or have too many hosts together.
    TooManyRuns,
    /// The operator, or all clients together, follow too many streams of events or exports.
    TooManyStreams,
    /// Too many clients are taking large responses.
    ControllerBusy,
    /// The controller is shutting down.
    ShuttingDown,
    /// The controller runs, but cannot do all of its work.
    NotReady,
    /// The operator may not do this, or not on this host, as this user or with this command.
    Forbidden,
    /// A change by a session's cookie came without the session's CSRF token.
    CsrfRequired,
    /// The name or password is wrong, or the operator is disabled.
    WrongPassword,
    /// Too many log-ins failed for this name or from this address.
    TooManyLogins,
    /// The setup link is wrong, or was used.
    SetupClosed,
    /// The controller knows no such host.
    UnknownHost,
    /// The host is pending, quarantined or banned, and gets no request.
    HostNotActive,
    /// There is no such join token, operator, API token or role.
    NotFound,
    /// The present state does not allow the change.
    Conflict,
    /// The key of an earlier request came with another request.
    IdempotencyMismatch,
    /// The request with this key was carried out, and its secret was shown then.
    AlreadyCreated,
    /// The controller cannot store anything more.
    StoreFull,
    /// The controller's database cannot be used at present.
    StoreUnavailable,
    /// The controller cannot read its own data.
    Internal,
}

struct Description {
    name: &'static str,
    title: &'static str,
    status: u16,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 34] = [
        Self::Unauthorized,
        Self::InvalidRequest,
        Self::TooLarge,
        Self::UnknownPath,
        Self::MethodNotAllowed,
        Self::HostNotConnected,
        Self::NoResult,
        Self::DuplicateRequest,
        Self::HostBusy,
        Self::HostDisconnected,
        Self::HostTimedOut,
        Self::InvalidReply,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::TooManyWrongTokens,
        Self::TooManyRuns,
        Self::TooManyStreams,
        Self::ControllerBusy,
        Self::ShuttingDown,
        Self::NotReady,
        Self::Forbidden,
        Self::CsrfRequired,
        Self::WrongPassword,
        Self::TooManyLogins,
        Self::SetupClosed,
        Self::UnknownHost,
        Self::HostNotActive,
        Self::NotFound,
        Self::Conflict,
        Self::IdempotencyMismatch,
        Self::AlreadyCreated,
        Self::StoreFull,
        Self::StoreUnavailable,
        Self::Internal,
    ];

    /// Returns the HTTP status code.
    pub const fn status(self) -> u16 {
        self.description().status
    }

    /// Returns the kind's name, which ends [`Problem::type_uri`].
    pub const fn name(self) -> &'static str {
        self.description().name
    }

    /// Returns the kind in a few words.
    pub const fn title(self) -> &'static str {
        self.description().title
    }

    const fn description(self) -> Description {
        let (status, name, title) = match self {
            Self::Unauthorized => (401, "unauthorized", "A valid token is required"),
            Self::InvalidRequest => (400, "invalid-request", "Invalid request"),
            Self::TooLarge => (413, "too-large", "Request too large"),
            Self::UnknownPath => (404, "unknown-path", "No such path"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Method not allowed"),
            Self::HostNotConnected => (404, "host-not-connected", "Host not connected"),
            Self::NoResult => (404, "no-result", "No result"),
            Self::DuplicateRequest => (409, "duplicate-request", "Duplicate request id"),
            Self::HostBusy => (503, "host-busy", "Host busy"),
            Self::HostDisconnected => (502, "host-disconnected", "Host disconnected"),
            Self::HostTimedOut => (504, "host-timed-out", "Host timed out"),
            Self::InvalidReply => (502, "invalid-reply", "Invalid reply of the host"),
            Self::TargetTooLong => (414, "target-too-long", "Request target too long"),
            Self::HeadTooLarge => (431, "head-too-large", "Request header fields too large"),
            Self::TooManyWrongTokens => (429, "too-many-wrong-tokens", "Too many wrong tokens"),
            Self::TooManyRuns => (429, "too-many-runs", "Too many active runs"),
            Self::TooManyStreams => (429, "too-many-streams", "Too many streams"),
            Self::ControllerBusy => (503, "controller-busy", "Controller busy"),
            Self::ShuttingDown => (503, "shutting-down", "Controller shutting down"),
            Self::NotReady => (503, "not-ready", "Controller not ready"),
            Self::Forbidden => (403, "forbidden", "Not allowed"),
            Self::CsrfRequired => (403, "csrf-required", "CSRF token required"),
            Self::WrongPassword => (401, "wrong-password", "Wrong name or password"),
            Self::TooManyLogins => (429, "too-many-logins", "Too many failed log-ins"),
            Self::SetupClosed => (403, "setup-closed", "Setup link not valid"),
            Self::UnknownHost => (404, "unknown-host", "No such host"),
            Self::HostNotActive => (409, "host-not-active", "Host not active"),
            Self::NotFound => (404, "not-found", "Not found"),
            Self::Conflict => (409, "conflict", "Conflict"),
            Self::IdempotencyMismatch => {
                (422, "idempotency-mismatch", "Idempotency key used for another request")
            }
            Self::AlreadyCreated => (409, "already-created", "Already created"),
            Self::StoreFull => (507, "store-full", "Store full"),
            Self::StoreUnavailable => (503, "store-unavailable", "Store unavailable"),
            Self::Internal => (500, "internal", "Controller error"),
        };
        Description { name, title, status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_way_through_json() {
        for kind in ProblemKind::ALL {
            let problem = Problem::new(kind, "why".to_owned());
            let text = serde_json::to_string(&problem).unwrap();
            let read: Problem = serde_json::from_str(&text).unwrap();
            assert_eq!((read.kind(), read.status), (Some(kind), kind.status()), "{text}");
            assert_eq!(read, problem);
        }
    }

    #[test]
    fn a_problem_is_pinned_and_a_later_kind_is_kept() {
        let problem = Problem::new(ProblemKind::HostBusy, "try again".to_owned());
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "urn:basicagent:problem:host-busy",
                "title": "Host busy",
                "status": 503,
                "detail": "try again",
            })
        );
        let later =
            r#"{"type":"urn:basicagent:problem:new","title":"t","status":418,"detail":"d","x":1}"#;
        let read: Problem = serde_json::from_str(later).unwrap();
        assert_eq!((read.kind(), read.status, read.detail.as_str()), (None, 418, "d"));
        let bare: Problem = serde_json::from_str(r#"{"detail":"d"}"#).unwrap();
        assert_eq!((bare.type_uri.as_str(), bare.status), ("about:blank", 0));
    }
}
