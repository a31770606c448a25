//! What handlers take from a request; each failure is an [`ApiError`].

use super::problem::ApiError;
use super::service::Api;
use super::wrong_tokens::Peer;
use crate::audit;
use crate::auth::{Credentials, Known, Principal, Secure, Unknown};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

impl FromRequestParts<Api> for Principal {
    type Rejection = ApiError;

    /// Takes the caller whom the gate has identified; where there is no gate, identifies them.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match parts.extensions.get::<Self>() {
            Some(principal) => Ok(principal.clone()),
            None => identify(parts, api).await,
        }
    }
}

/// Returns the caller.
///
/// # Errors
/// When the request does not prove who it is.
pub(super) async fn identify(parts: &Parts, api: &Api) -> Result<Principal, ApiError> {
    let all = |name| parts.headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
    let credentials = Credentials {
        authorization: all(AUTHORIZATION),
        cookies: all(COOKIE),
        secure: secure(parts),
        now: audit::now(),
    };
    let known = parts.extensions.get::<Known>();
    if let Some(principal) = known.and_then(|known| known.caller(&credentials)) {
        return Ok(principal);
    }
    let by_token = !credentials.authorization.is_empty();
    match api.authenticator.authenticate(credentials).await {
        Ok(principal) => {
            if let Some(known) = known {
                known.keep(&principal);
            }
            Ok(principal)
        }
        Err(Unknown::Store(error)) => Err(error.into()),
        Err(Unknown::Missing) => Err(ApiError::Unauthorized),
        Err(Unknown::Wrong) => match parts.extensions.get::<Peer>() {
            Some(peer) if by_token && api.wrong_tokens.count(*peer) => Err(ApiError::WrongTokens),
            _ => Err(ApiError::Unauthorized),
        },
    }
}

/// Returns whether the connection is HTTPS.
pub(super) fn secure(parts: &Parts) -> Secure {
    parts.extensions.get::<Secure>().copied().unwrap_or(Secure(false))
}

/// What a request brought to prove who its caller is: a stream looks again whether it still does.
pub(super) struct Proof {
    authorization: Vec<HeaderValue>,
    cookies: Vec<HeaderValue>,
    secure: Secure,
}

impl Proof {
    /// Returns the caller, with the roles that they have now.
    ///
    /// # Errors
    /// When the token or the session has ended, or the database cannot be asked.
    pub(super) async fn again(&self, api: &Api) -> Result<Principal, ApiError> {
        let credentials = Credentials {
            authorization: self.authorization.iter().map(HeaderValue::as_bytes).collect(),
            cookies: self.cookies.iter().map(HeaderValue::as_bytes).collect(),
            secure: self.secure,
            now: audit::now(),
        };
        match api.authenticator.authenticate(credentials).await {
            Ok(principal) => Ok(principal),
            Err(Unknown::Store(error)) => Err(error.into()),
            Err(Unknown::Missing | Unknown::Wrong) => Err(ApiError::Unauthorized),
        }
    }
}

impl FromRequestParts<Api> for Proof {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let all = |name| parts.headers.get_all(name).iter().cloned().collect();
        Ok(Self { authorization: all(AUTHORIZATION), cookies: all(COOKIE), secure: secure(parts) })
    }
}

/// What the gate has read from the request for this handler.
pub(super) struct Carried<T>(pub(super) T);

impl<T: Clone + Send + Sync + 'static> FromRequestParts<Api> for Carried<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let Some(carried) = parts.extensions.remove::<T>() else {
            log::error!("{}: the gate did not read the request", parts.uri.path());
            return Err(ApiError::Internal);
        };
        Ok(Self(carried))
    }
}

/// The variable segments of the path.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, api).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(error) => Err(ApiError::InvalidRequest(error.body_text())),
        }
    }
}

/// The query, as one of the API's types.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, api).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(ApiError::InvalidRequest(error.body_text())),
        }
    }
}
