//! What handlers take from a request; each failure is an [`ApiError`].

use super::problem::ApiError;
use super::service::Api;
use super::wrong_tokens::Peer;
use crate::auth::Principal;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

impl FromRequestParts<Api> for Principal {
    type Rejection = ApiError;

    /// Reads the one `Authorization` header; two of them are as bad as none.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        match (headers.next(), headers.next()) {
            (Some(header), None) => {
                api.authenticator.authenticate(header.as_bytes()).ok_or_else(|| {
                    match parts.extensions.get::<Peer>() {
                        Some(peer) if api.wrong_tokens.count(*peer) => ApiError::WrongTokens,
                        _ => ApiError::Unauthorized,
                    }
                })
            }
            _ => Err(ApiError::Unauthorized),
        }
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
