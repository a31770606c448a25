//! The join tokens.

use super::StoreError;
use async_trait::async_trait;
use fleet::{Digest, JoinState, JoinTerms, TokenId, UnixMillis};
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

/// How long a token that has ended stays in lists.
pub(in crate::store) const TOKEN_KEPT: UnixMillis = 90 * fleet::DAY;

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

/// What an enrollment needs of a token.
pub(in crate::store) struct Admitting {
    /// SHA-256 of the secret.
    pub(in crate::store) secret: Digest,
    /// Its terms.
    pub(in crate::store) terms: JoinTerms,
    /// Its state.
    pub(in crate::store) state: JoinState,
}

impl NewToken {
    /// Returns the token as it is stored.
    pub(in crate::store) fn row(&self) -> TokenRow {
        TokenRow {
            id: self.id.clone(),
            name: self.name.clone(),
            terms: self.terms.clone(),
            uses: 0,
            revoked_at: None,
            created_by: self.created_by.clone(),
            created_at: self.now,
        }
    }

    /// Makes the error of a token whose id is taken.
    pub(in crate::store) fn taken(&self) -> StoreError {
        StoreError::Conflict(format!(
            "a join token with the id {} exists already; make another one",
            self.id
        ))
    }

    /// Makes the error where there are [`MAX_TOKENS`].
    pub(in crate::store) fn too_many() -> StoreError {
        StoreError::Conflict(format!(
            "there are {MAX_TOKENS} join tokens; a token is deleted 90 days after it ended, so \
             revoke those that are not needed, or let one token admit more hosts"
        ))
    }
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
