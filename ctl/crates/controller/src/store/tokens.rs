//! The join tokens.

use super::StoreError;
use async_trait::async_trait;
use std::collections::BTreeMap;
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
    async fn token(&self, id: &str) -> Result<Option<TokenRow>, StoreError>;

    /// Revokes a token; with its hosts, bans those too. Returns the hosts that were banned.
    /// A token that is revoked already stays so.
    ///
    /// # Errors
    /// When the token is unknown.
    async fn revoke_token(
        &self,
        id: &str,
        with_hosts: bool,
        now: i64,
    ) -> Result<Vec<String>, StoreError>;
}

/// Join tokens in all, until those that ended more than 90 days ago are deleted.
pub(crate) const MAX_TOKENS: u64 = 10_000;

/// A token to store.
#[derive(Clone)]
pub(crate) struct NewToken {
    /// Its id.
    pub(crate) id: String,
    /// SHA-256 of its secret.
    pub(crate) secret: [u8; 32],
    /// A name for people; may be empty.
    pub(crate) name: String,
    /// Its terms.
    pub(crate) terms: JoinTerms,
    /// The operator who creates it.
    pub(crate) created_by: String,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// What a token admits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JoinTerms {
    /// The end of its validity, milliseconds since 1970.
    pub(crate) expires: i64,
    /// The most hosts that it admits.
    pub(crate) max_uses: u32,
    /// The labels that it gives.
    pub(crate) labels: BTreeMap<String, String>,
    /// The networks that it is good from, in CIDR notation; none: all.
    pub(crate) networks: Vec<String>,
    /// Whether an operator has to approve each host.
    pub(crate) approval: bool,
    /// Enrollments a second from one source, where it differs from the default.
    pub(crate) per_source_rate: Option<u32>,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRow {
    /// Its id.
    pub(crate) id: String,
    /// A name for people; may be empty.
    pub(crate) name: String,
    /// Its terms.
    pub(crate) terms: JoinTerms,
    /// How many hosts it has admitted.
    pub(crate) uses: u32,
    /// When it was revoked, milliseconds since 1970.
    pub(crate) revoked_at: Option<i64>,
    /// The operator who created it.
    pub(crate) created_by: String,
    /// Milliseconds since 1970.
    pub(crate) created_at: i64,
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
