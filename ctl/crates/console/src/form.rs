//! Forms: url-encoded fields, the same name once or often.

use crate::api::Failure;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use controller_api::ProblemKind;
use std::fmt;

/// The fields of a form, or of a query.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl fmt::Debug for Form {
    /// Names the fields; a value may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads a query.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        Self(serde_urlencoded::from_str(query.unwrap_or_default()).unwrap_or_default())
    }

    /// Returns the first field with this name; empty without one.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Returns the first field with this name, without spaces around it; `None` if that is nothing.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    /// Returns every field with this name, in the form's order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a box with this name is checked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Returns the session's CSRF token, as the page's form brought it.
    pub(crate) fn csrf(&self) -> &str {
        self.get("csrf")
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let body = Bytes::from_request(request, state).await.map_err(|error| {
            Failure::new(ProblemKind::InvalidRequest, format!("the form: {}", error.body_text()))
        })?;
        serde_urlencoded::from_bytes(&body).map(Self).map_err(|error| {
            Failure::new(ProblemKind::InvalidRequest, format!("the form: {error}"))
        })
    }
}
