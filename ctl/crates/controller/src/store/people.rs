//! Operators, their roles, API tokens, sessions and log-in links, and the link of the first start.

use super::StoreError;
use async_trait::async_trait;
use fleet::{Digest, UnixMillis};
use std::fmt;

/// The people and programs that may ask something.
#[async_trait]
pub(crate) trait People {
    /// Stores a new operator.
    ///
    /// # Errors
    /// When the name is taken, or there are [`MAX_OPERATORS`] already.
    async fn create_operator(&self, operator: OperatorRow) -> Result<(), StoreError>;

    /// Returns a page of operators with a name above `after`, ordered by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn operators(&self, after: &str, limit: usize) -> Result<Vec<OperatorRow>, StoreError>;

    /// Returns an operator.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn operator(&self, name: &str) -> Result<Option<OperatorRow>, StoreError>;

    /// Changes an operator. A new password, or `disabled`, ends the operator's sessions and log-in
    /// links.
    ///
    /// # Errors
    /// When the operator is unknown, or would be the last one that may manage operators and cannot
    /// anymore (the caller says which roles those are).
    async fn change_operator(
        &self,
        name: &str,
        change: OperatorChange,
        admins: LastAdmin,
    ) -> Result<OperatorRow, StoreError>;

    /// Deletes an operator with its API tokens, sessions and log-in links.
    ///
    /// # Errors
    /// As [`People::change_operator`].
    async fn delete_operator(&self, name: &str, admins: LastAdmin) -> Result<(), StoreError>;

    /// Returns how many operators there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn operator_count(&self) -> Result<u64, StoreError>;

    /// Stores an own role, or replaces it.
    ///
    /// # Errors
    /// When there are [`MAX_ROLES`] already.
    async fn put_role(&self, role: RoleRow) -> Result<(), StoreError>;

    /// Returns every own role, ordered by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn roles(&self) -> Result<Vec<RoleRow>, StoreError>;

    /// Deletes an own role.
    ///
    /// # Errors
    /// When the role is unknown, or an operator has it.
    async fn delete_role(&self, name: &str) -> Result<(), StoreError>;

    /// Stores an API token.
    ///
    /// # Errors
    /// When the operator is unknown or has [`MAX_API_TOKENS`] already.
    async fn create_api_token(&self, token: NewApiToken) -> Result<(), StoreError>;

    /// Returns a page of an operator's API tokens with an id above `after`, ordered by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn api_tokens(
        &self,
        operator: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ApiTokenRow>, StoreError>;

    /// Deletes an operator's API token.
    ///
    /// # Errors
    /// When the operator has no such token.
    async fn delete_api_token(&self, operator: &str, id: &str) -> Result<(), StoreError>;

    /// Returns the API token with this digest and its operator, unless it has expired or the
    /// operator is disabled. Notes the use, at most once a minute.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn use_api_token(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError>;

    /// Stores a session. An operator's oldest one ends where there are [`MAX_SESSIONS`].
    ///
    /// # Errors
    /// When the operator is unknown or disabled.
    async fn create_session(&self, session: SessionRow) -> Result<(), StoreError>;

    /// Returns the session with this digest and its operator, unless it has expired or the operator
    /// is disabled.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn session(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<(SessionRow, OperatorRow)>, StoreError>;

    /// Ends a session; one that does not exist is no error.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn delete_session(&self, digest: Digest) -> Result<(), StoreError>;

    /// Ends every session and log-in link of an operator.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn delete_sessions(&self, operator: &str) -> Result<(), StoreError>;

    /// Stores a log-in link. Beyond [`MAX_LOGIN_LINKS`], it replaces the one that expires first.
    ///
    /// # Errors
    /// When the operator is unknown or disabled.
    async fn create_login_link(&self, link: LoginLinkRow) -> Result<(), StoreError>;

    /// Uses a log-in link up; returns its operator, unless the link is wrong, was used or has
    /// expired.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn use_login_link(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<String>, StoreError>;

    /// Stores the link for the first password, in place of an earlier one.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn put_setup(&self, digest: Digest, expires: UnixMillis) -> Result<(), StoreError>;

    /// Uses the link for the first password: in one transaction the link is used up and the first
    /// operator is stored. Returns false, and changes nothing, when the link is wrong, used or
    /// expired, or there is an operator already.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn use_setup(
        &self,
        digest: Digest,
        operator: OperatorRow,
        now: UnixMillis,
    ) -> Result<bool, StoreError>;
}

/// Operators in all.
pub(crate) const MAX_OPERATORS: u64 = 10_000;

/// Own roles in all.
pub(crate) const MAX_ROLES: u64 = 1_000;

/// API tokens of one operator.
pub(crate) const MAX_API_TOKENS: u64 = 100;

/// How long an API token that has expired stays in lists.
pub(in crate::store) const API_TOKEN_KEPT: UnixMillis = 90 * fleet::DAY;

/// Sessions of one operator.
pub(crate) const MAX_SESSIONS: u64 = 100;

/// Log-in links in all.
pub(crate) const MAX_LOGIN_LINKS: u64 = 256;

/// An operator.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OperatorRow {
    /// The name.
    pub(crate) name: String,
    /// The argon2id hash of the password (PHC string); none: only API tokens.
    pub(crate) password: Option<String>,
    /// The names of its roles.
    pub(crate) roles: Vec<String>,
    /// Whether it may do nothing at present.
    pub(crate) disabled: bool,
    /// When it was created.
    pub(crate) created_at: UnixMillis,
}

/// What to change of an operator.
#[derive(Clone, Default)]
pub(crate) struct OperatorChange {
    /// The new hash of the password.
    pub(crate) password: Option<String>,
    /// The new roles.
    pub(crate) roles: Option<Vec<String>>,
    /// Whether it is disabled.
    pub(crate) disabled: Option<bool>,
}

/// Whether somebody must be left who may manage operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LastAdmin {
    /// Nobody must: there is another way in.
    MayGo,
    /// An operator that is not disabled and has one of these roles must be left.
    MustStay {
        /// The roles.
        roles: Vec<String>,
    },
}

/// An own role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleRow {
    /// The name.
    pub(crate) name: String,
    /// The role as a JSON document.
    pub(crate) document: String,
}

/// An API token to store.
#[derive(Clone)]
pub(crate) struct NewApiToken {
    /// SHA-256 of the token.
    pub(crate) digest: Digest,
    /// The rest.
    pub(crate) token: ApiTokenRow,
}

/// A stored API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiTokenRow {
    /// Its id, which is no secret.
    pub(crate) id: String,
    /// Its operator.
    pub(crate) operator: String,
    /// A name for people; may be empty.
    pub(crate) name: String,
    /// When it was created.
    pub(crate) created_at: UnixMillis,
    /// The end of its validity; none: until it is deleted.
    pub(crate) expires_at: Option<UnixMillis>,
    /// Its last use, to the minute.
    pub(crate) last_used: Option<UnixMillis>,
}

/// A session of the console.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    /// SHA-256 of the cookie.
    pub(crate) digest: Digest,
    /// The operator.
    pub(crate) operator: String,
    /// When it was created.
    pub(crate) created_at: UnixMillis,
    /// The end of its validity.
    pub(crate) expires_at: UnixMillis,
}

/// A link that logs an operator in, once.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LoginLinkRow {
    /// SHA-256 of the link's secret.
    pub(crate) digest: Digest,
    /// The operator.
    pub(crate) operator: String,
    /// The end of its validity.
    pub(crate) expires_at: UnixMillis,
}

impl OperatorRow {
    /// Makes the error of an operator whose name is taken.
    pub(in crate::store) fn taken(&self) -> StoreError {
        StoreError::Conflict(format!("operator \"{}\" exists already", self.name))
    }

    /// Makes the error where there are [`MAX_OPERATORS`].
    pub(in crate::store) fn too_many() -> StoreError {
        StoreError::Conflict(format!("there are {MAX_OPERATORS} operators; delete some first"))
    }
}

impl LastAdmin {
    /// Makes the error of a change after which nobody may manage operators.
    pub(in crate::store) fn would_go() -> StoreError {
        StoreError::Conflict(
            "nobody would be left who may manage operators; give that right to another operator \
             first"
                .to_owned(),
        )
    }
}

impl RoleRow {
    /// Makes the error where there are [`MAX_ROLES`].
    pub(in crate::store) fn too_many() -> StoreError {
        StoreError::Conflict(format!("there are {MAX_ROLES} own roles; delete some first"))
    }

    /// Makes the error of deleting a role that an operator has.
    pub(in crate::store) fn in_use(name: &str, holder: &str) -> StoreError {
        StoreError::Conflict(format!(
            "operator \"{holder}\" has the role \"{name}\"; take it away first"
        ))
    }
}

impl NewApiToken {
    /// Makes the error where the operator has [`MAX_API_TOKENS`].
    pub(in crate::store) fn too_many(&self) -> StoreError {
        StoreError::Conflict(format!(
            "operator \"{}\" has {MAX_API_TOKENS} API tokens; delete some first",
            self.token.operator
        ))
    }
}

impl fmt::Debug for OperatorRow {
    /// Leaves out the password's hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorRow")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OperatorChange {
    /// Leaves out the password's hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorChange")
            .field("password", &self.password.is_some())
            .field("roles", &self.roles)
            .field("disabled", &self.disabled)
            .finish()
    }
}

impl fmt::Debug for NewApiToken {
    /// Leaves out the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiToken").field("token", &self.token).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionRow {
    /// Leaves out the digest and the CSRF token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRow").field("operator", &self.operator).finish_non_exhaustive()
    }
}

impl fmt::Debug for LoginLinkRow {
    /// Leaves out the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLinkRow").field("operator", &self.operator).finish_non_exhaustive()
    }
}
