//! Operators and their API tokens.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A page of operators, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorList {
    /// The operators.
    pub operators: Vec<Operator>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A person or a program that may ask something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Operator {
    /// The name, which the audit log uses.
    pub name: String,
    /// The roles' names.
    pub roles: Vec<String>,
    /// Whether the operator is refused everywhere.
    pub disabled: bool,
    /// Whether the operator can log in with a password.
    pub has_password: bool,
    /// When the operator was created: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: String,
}

/// A request for an operator.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// The name: 1 to 64 letters, digits, `.`, `-`, `_` or `@`.
    #[schema(pattern = "^[A-Za-z0-9._@-]{1,64}$", example = "ada")]
    pub name: String,
    /// The roles' names.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The password, 10 to 512 bytes; without it, the operator uses API tokens only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password, min_length = 10, max_length = 512)]
    pub password: Option<String>,
}

impl fmt::Debug for NewOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewOperator")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// A change of an operator; what is absent stays as it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperatorChange {
    /// The roles' names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Whether the operator is refused everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The new password. It ends the operator's sessions, but not the API tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Password, min_length = 10, max_length = 512)]
    pub password: Option<String>,
}

impl fmt::Debug for OperatorChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorChange")
            .field("roles", &self.roles)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// A page of an operator's API tokens, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenList {
    /// The tokens.
    pub tokens: Vec<ApiToken>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An API token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// The token's id.
    pub id: String,
    /// What the operator called it.
    pub name: String,
    /// When it was made: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: String,
    /// When it expires: RFC 3339, UTC; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub expires: Option<String>,
    /// When it was last used, to the minute: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub last_used: Option<String>,
}

/// A request for an API token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What to call it.
    pub name: String,
    /// Days until it expires, 1 to 3650; without it, it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650)]
    pub days: Option<u32>,
}

/// A new API token. Its secret is shown here and nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiToken {
    /// The token without its secret.
    pub token: ApiToken,
    /// The token's whole text (`bap_…`).
    pub secret: String,
}

impl fmt::Debug for CreatedApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedApiToken").field("token", &self.token).finish_non_exhaustive()
    }
}
