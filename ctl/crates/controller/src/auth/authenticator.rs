//! Decides who a caller is, by what the request brings.

use super::cookie::{self, Secure};
use super::held_roles::HeldRoles;
use super::principal::{Credential, Identity, Principal, TOKEN_FILE};
use super::roles::Roles;
use super::secret::api_token_digest;
use super::token::Token;
use crate::store::{OperatorRow, Store, StoreError};
use parking_lot::RwLock;
use std::fmt;
use std::sync::Arc;

/// Decides who a caller is.
#[derive(Debug)]
pub(crate) struct Authenticator {
    /// The token of `--token-file`, if there is one.
    token: RwLock<Option<Token>>,
    roles: Arc<Roles>,
    store: Arc<dyn Store>,
}

/// What a request brings to prove who its caller is.
pub(crate) struct Credentials<'a> {
    /// The `Authorization` headers.
    pub(crate) authorization: Vec<&'a [u8]>,
    /// The `Cookie` headers.
    pub(crate) cookies: Vec<&'a [u8]>,
    /// Whether the connection is HTTPS.
    pub(crate) secure: Secure,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Why a caller is nobody.
#[derive(Debug)]
pub(crate) enum Unknown {
    /// The request brings nothing.
    Missing,
    /// What it brings is wrong, expired, or an operator's who is disabled.
    Wrong,
    /// The database cannot be asked.
    Store(StoreError),
}

impl From<StoreError> for Unknown {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Authenticator {
    /// Makes an authenticator.
    pub(crate) fn new(token: Option<Token>, roles: Arc<Roles>, store: Arc<dyn Store>) -> Self {
        Self { token: RwLock::new(token), roles, store }
    }

    /// Replaces the token of `--token-file`: the former one is wrong from now on.
    pub(crate) fn replace(&self, token: Option<Token>) {
        *self.token.write() = token;
    }

    /// Returns whether there is a token of `--token-file`.
    pub(crate) fn has_token_file(&self) -> bool {
        self.token.read().is_some()
    }

    /// Returns where operators are stored.
    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the roles that exist.
    pub(crate) fn roles(&self) -> &Arc<Roles> {
        &self.roles
    }

    /// Returns who the caller is. An `Authorization` header counts before a cookie; two are as bad
    /// as none.
    ///
    /// # Errors
    /// When the request proves nothing, or the database cannot be asked.
    pub(crate) async fn authenticate(
        &self,
        credentials: Credentials<'_>,
    ) -> Result<Principal, Unknown> {
        match credentials.authorization[..] {
            [header] => self.by_token(header, credentials.now).await,
            [] => self.by_cookie(&credentials).await,
            _ => Err(Unknown::Wrong),
        }
    }

    async fn by_token(&self, header: &[u8], now: i64) -> Result<Principal, Unknown> {
        if self.token.read().as_ref().is_some_and(|token| token.is_in(header)) {
            let roles = vec!["admin".to_owned()];
            return Ok(self.principal(TOKEN_FILE.to_owned(), roles, Credential::TokenFile));
        }
        let Some(given) = bearer(header) else { return Err(Unknown::Wrong) };
        let Some(digest) = api_token_digest(given) else { return Err(Unknown::Wrong) };
        let found = self.store.use_api_token(digest, now).await?;
        let (token, operator) = found.ok_or(Unknown::Wrong)?;
        Ok(self.operator(operator, Credential::ApiToken { id: token.id }))
    }

    async fn by_cookie(&self, credentials: &Credentials<'_>) -> Result<Principal, Unknown> {
        let [header] = credentials.cookies[..] else { return Err(Unknown::Missing) };
        let Some((cookie, csrf)) = cookie::session_of(header, credentials.secure) else {
            return Err(Unknown::Missing);
        };
        let found = self.store.session(cookie, credentials.now).await?;
        let (_, operator) = found.ok_or(Unknown::Wrong)?;
        Ok(self.operator(operator, Credential::Session { cookie, csrf }))
    }

    fn operator(&self, operator: OperatorRow, credential: Credential) -> Principal {
        self.principal(operator.name, operator.roles, credential)
    }

    fn principal(
        &self,
        name: String,
        role_names: Vec<String>,
        credential: Credential,
    ) -> Principal {
        let roles = HeldRoles::new(self.roles.resolve(&role_names));
        Principal::new(Identity { name, credential, role_names, roles })
    }
}

/// Returns the token in an `Authorization` header (RFC 6750 §2.1).
pub(super) fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, given) = header.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| given.trim_ascii())
}
