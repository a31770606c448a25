//! Logging in, the first operator, and the caller's own account.

use crate::role::Grant;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A log-in. Without `session`, it makes an API token.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The operator's name.
    pub name: String,
    /// The operator's password.
    #[schema(format = Password)]
    pub password: String,
    /// What to call the API token; "login" without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_name: Option<String>,
    /// Days until the API token expires, 1 to 3650; 30 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650)]
    pub days: Option<u32>,
    /// Whether to start a session, whose cookie a browser keeps, instead of making a token.
    #[serde(default)]
    pub session: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("name", &self.name)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A successful log-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggedIn {
    /// The operator's name.
    pub name: String,
    /// The API token, shown here and nowhere else; absent for a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The session's CSRF token, which requests that change something must send as the header
    /// `X-CSRF-Token`; absent without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
    /// When the token or session expires: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub expires: String,
}

impl fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedIn").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A log-in by a link that works once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkLogin {
    /// The link's secret: what stands behind `#`.
    pub secret: String,
}

impl fmt::Debug for LinkLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkLogin").finish_non_exhaustive()
    }
}

/// A link that logs an operator in to the console, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginLink {
    /// The link without the controller's own address. It is shown here and nowhere else.
    #[schema(example = "/login?as=ann#5f1e…")]
    pub path: String,
    /// When the link expires: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub expires: String,
}

impl fmt::Debug for LoginLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLink").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The caller's own account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The operator's name.
    pub name: String,
    /// How the caller has proved it.
    pub by: Proof,
    /// The roles' names.
    pub roles: Vec<String>,
    /// What these roles allow together.
    pub grants: Vec<Grant>,
    /// The session's CSRF token, for a caller with a session's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
}

impl fmt::Debug for Me {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Me")
            .field("name", &self.name)
            .field("by", &self.by)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// How a caller has proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The token of `--token-file`.
    TokenFile,
    /// An API token.
    ApiToken,
    /// A session's cookie.
    Session,
}

/// The first operator, an admin. The secret is in the link that the controller prints at its first
/// start, and works once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The link's secret.
    pub secret: String,
    /// The operator's name.
    pub name: String,
    /// The operator's password.
    #[schema(format = Password)]
    pub password: String,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("name", &self.name).finish_non_exhaustive()
    }
}
