//! A request that the controller refused, as an error with the right exit status.

use crate::error::Error;
use controller_api::{Problem, ProblemKind};
use std::fmt::Display;
use ureq::http::StatusCode;

/// Returns the error for a status and a body that hold no answer. `source` is where the token came
/// from.
pub(super) fn of(status: StatusCode, text: &str, base: &str, source: &dyn Display) -> Error {
    let Ok(problem) = serde_json::from_str::<Problem>(text) else {
        return Error::unavailable(format!(
            "{base} replied {status} without a reason; is it the API of a controller?"
        ));
    };
    let kind = problem.kind();
    let detail = problem.detail;
    match (status, kind) {
        (_, Some(ProblemKind::WrongPassword)) => Error::unavailable(detail),
        (StatusCode::UNAUTHORIZED, _) => {
            Error::unavailable(format!("the controller rejected the token from {source}"))
        }
        // What the caller asked about may be done; only its host's answer is missing.
        (_, Some(ProblemKind::DuplicateRequest))
        | (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _) => Error::no_reply(detail),
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => Error::rejected(detail),
        (StatusCode::CONFLICT, _) => Error::failed(detail),
        (StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE, _) => Error::unreachable(detail),
        _ => Error::unavailable(detail),
    }
}
