//! What a client of the API is told when there is no answer: a status and `{"error":"…"}`.

use super::request::MAX_BODY;
use crate::agents::NoAnswer;
use crate::store::Unreadable;
use agent_wire::json::quote;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request of a client came to nothing.
#[derive(Debug)]
pub(super) enum ApiError {
    /// 401.
    Unauthorized,
    /// 404.
    NoSuchPath,
    /// 405.
    WrongMethod,
    /// 400: what is wrong with the body.
    BadRequest(String),
    /// 413.
    TooLarge,
    /// 404: the host's id.
    NoSuchHost(String),
    /// 404: the host's id and the task's.
    NoResult(String, String),
    /// 500.
    Unreadable,
    /// 503, 409, 502 or 504, and the host's id.
    NoAnswer(NoAnswer, String),
}

impl ApiError {
    /// For a host that gives no answer.
    pub(super) fn no_answer(why: NoAnswer, host: &str) -> Self {
        Self::NoAnswer(why, host.to_owned())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoSuchPath | Self::NoSuchHost(_) | Self::NoResult(..) => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoAnswer(NoAnswer::Duplicate, _) => StatusCode::CONFLICT,
            Self::NoAnswer(NoAnswer::Busy, _) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAnswer(NoAnswer::Disconnected, _) => StatusCode::BAD_GATEWAY,
            Self::NoAnswer(NoAnswer::TimedOut, _) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What to say to people.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Unauthorized => "the header Authorization: Bearer TOKEN is missing or wrong".to_owned(),
            Self::NoSuchPath => "no such path; the API is under /api/v1/hosts".to_owned(),
            Self::WrongMethod => "this path does not know this HTTP method".to_owned(),
            Self::BadRequest(why) => why.clone(),
            Self::TooLarge => format!("a request has at most {MAX_BODY} bytes"),
            Self::NoSuchHost(id) => format!("no host \"{}\" is connected", quote(id)),
            Self::NoResult(host, task) => {
                format!(
                    "there is no result of the task \"{}\" of the host \"{}\" (yet)",
                    quote(task),
                    quote(host)
                )
            }
            Self::Unreadable => "the results can't be read: the controller's log says why".to_owned(),
            Self::NoAnswer(NoAnswer::Duplicate, id) => {
                format!("the host {id} has not answered an earlier request with this id: ask again later")
            }
            Self::NoAnswer(NoAnswer::Busy, id) => {
                format!("too many requests wait for the host {id}: ask again later")
            }
            Self::NoAnswer(NoAnswer::Disconnected, id) => {
                format!("the host {id} disconnected before it answered; it may have begun with the request")
            }
            Self::NoAnswer(NoAnswer::TimedOut, id) => {
                format!("the host {id} did not answer in time; it may still be busy with the request")
            }
        }
    }
}

impl From<Unreadable> for ApiError {
    fn from(error: Unreadable) -> Self {
        log::error!("the results can't be read: {error}");
        Self::Unreadable
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.message() }));
        let mut response = (self.status(), body).into_response();
        if let Self::Unauthorized = self {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
