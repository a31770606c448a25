//! Requests that create something and may be repeated: a client that lost the answer sends the same
//! request with the same `Idempotency-Key`, and nothing is created twice.
//!
//! The key is reserved on disk before the act. A secret is shown once: its answer is not kept, and
//! the repeated request learns only that the thing was created.

use super::problem::ApiError;
use super::rule::Subject;
use crate::audit;
use crate::auth::Principal;
use crate::store::{Answer, Repeatable, Reserved, Store};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::Response;
use controller_api::IDEMPOTENCY_HEADER;
use fleet::Digest;

/// The most characters of a key.
const MAX_KEY: usize = 255;

/// Bytes of an answer that may be kept.
const MAX_ANSWER: usize = 1 << 20;

/// Marks a response with a secret, which is shown once.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownOnce;

/// A request with a key.
pub(super) struct Repeat(Repeatable);

impl Repeat {
    /// Takes the key of a request; `None` without one. Repetitions are known by what the request's
    /// event says, which holds no password: a digest of one would be easy to guess.
    ///
    /// # Errors
    /// When the key is not valid.
    pub(super) fn of(
        principal: &Principal,
        parts: &Parts,
        subject: &Subject,
    ) -> Result<Option<Self>, ApiError> {
        let mut keys = parts.headers.get_all(IDEMPOTENCY_HEADER).iter();
        let Some(key) = keys.next() else { return Ok(None) };
        let valid = |key: &&str| (1..=MAX_KEY).contains(&key.len());
        let key = key.to_str().ok().filter(valid).filter(|_| keys.next().is_none());
        let Some(key) = key else {
            let why = format!("{IDEMPOTENCY_HEADER} must be 1 to {MAX_KEY} ASCII characters, once");
            return Err(ApiError::InvalidRequest(why));
        };
        let detail = serde_json::to_string(&subject.detail).expect("JSON goes to memory");
        let text = format!("{} {}\n{detail}", parts.method, parts.uri);
        Ok(Some(Self(Repeatable {
            principal: principal.name().to_owned(),
            key: key.to_owned(),
            digest: Digest::of(text.as_bytes()),
        })))
    }

    /// Reserves the key; returns the answer of an earlier request with it.
    ///
    /// # Errors
    /// When an earlier request with the key was another one, goes on, or was interrupted.
    pub(super) async fn reserve(&self, store: &dyn Store) -> Result<Option<Response>, ApiError> {
        match store.reserve(self.0.clone(), audit::now()).await? {
            Reserved::New => Ok(None),
            Reserved::Answered(Answer { status, body: Some(body) }) => {
                let response = Response::builder()
                    .status(status)
                    .header(CONTENT_TYPE, "application/json")
                    .body(Body::from(body));
                response.map(Some).map_err(|error| {
                    log::error!("a kept answer cannot be sent: {error}");
                    ApiError::Internal
                })
            }
            Reserved::Answered(Answer { body: None, .. }) => Err(ApiError::AlreadyCreated),
            Reserved::InProgress => Err(ApiError::Conflict(
                "a request with this idempotency key is being carried out; repeat it later"
                    .to_owned(),
            )),
            Reserved::Interrupted => Err(ApiError::Conflict(
                "the controller ended during the request with this idempotency key: look whether \
                 it was carried out, then use another key"
                    .to_owned(),
            )),
            Reserved::OtherRequest => Err(ApiError::IdempotencyMismatch),
        }
    }

    /// Gives the key back: nothing was done.
    pub(super) async fn give_back(&self, store: &dyn Store) {
        if let Err(error) = store.give_back(&self.0).await {
            log::error!("an idempotency key stays reserved for a day: {error}");
        }
    }
}

/// Keeps a response for repetitions of its request.
pub(super) async fn keep(repeat: &Repeat, store: &dyn Store, response: Response) -> Response {
    if !response.status().is_success() {
        repeat.give_back(store).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let secret = parts.extensions.get::<ShownOnce>().is_some();
    let body = match axum::body::to_bytes(body, MAX_ANSWER).await {
        Ok(body) => body,
        Err(error) => {
            log::error!("a response cannot be read back: {error}");
            hyper::body::Bytes::new()
        }
    };
    let text = (!secret).then(|| String::from_utf8_lossy(&body).into_owned());
    let answer = Answer { status: parts.status.as_u16(), body: text };
    if let Err(error) = store.answered(&repeat.0, answer).await {
        log::error!("the answer to an idempotency key is not kept: {error}");
    }
    Response::from_parts(parts, Body::from(body))
}
