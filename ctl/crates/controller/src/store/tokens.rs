//! The join tokens.

use super::StoreError;
use async_trait::async_trait;
use fleet::{Digest, JoinTerms, TokenId, UnixMillis};
use std::fmt;

/// The join tokens that admit hosts.
#[async_trait]
pub(crate) trait JoinTokens {
    /// Stores a new token.
    ///
    /// # Errors
    /// When its id is taken, or there are [`MAX_TOKENS`] already.
    async fn create_token(&self, token: NewToken) -> Result<TokenRow, StoreError>;

    /// Returns a page of tokens with an id above `after`, ordered by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn tokens(&self, after: &str, limit: usize) -> Result<Vec<TokenRow>, StoreError>;

    /// Returns a token.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn token(&self, id: &TokenId) -> Result<Option<TokenRow>, StoreError>;

    /// Revokes a token; with its hosts, bans those too. Returns the hosts that were banned.
    /// A token that is revoked already stays so.
    ///
    /// # Errors
    /// When the token is unknown.
    async fn revoke_token(
        &self,
        id: &TokenId,
        with_hosts: bool,
        now: UnixMillis,
    ) -> Result<Vec<String>, StoreError>;
}

/// Join tokens in all, until those that ended more than 90 days ago are deleted.
pub(crate) const MAX_TOKENS: u64 = 10_000;

/// A token to store.
#[derive(Clone)]
pub(crate) struct NewToken {
    /// Its id.
    pub(crate) id: TokenId,
    /// SHA-256 of its secret.
    pub(crate) secret: Digest,
    /// A name for people; may be empty.
    pub(crate) name: String,
    /// Its terms.
    pub(crate) terms: JoinTerms,
    /// The operator who creates it.
    pub(crate) created_by: String,
    /// The present time.
    pub(crate) now: UnixMillis,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRow {
    /// Its id.
    pub(crate) id: TokenId,
    /// A name for people; may be empty.
    pub(crate) name: String,
    /// Its terms.
    pub(crate) terms: JoinTerms,
    /// How many hosts it has admitted.
    pub(crate) uses: u32,
    /// When it was revoked.
    pub(crate) revoked_at: Option<UnixMillis>,
    /// The operator who created it.
    pub(crate) created_by: String,
    /// When it was created.
    pub(crate) created_at: UnixMillis,
}

impl fmt::Debug for NewToken {
    /// Leaves out the digest of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("id", &self.id)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}
