//! The authenticated caller of a request.

use super::token::Token;
use parking_lot::RwLock;

/// The caller of a request. Only an [`Authenticator`] makes one, so a function that takes a
/// `Principal` cannot run for a caller without a valid token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Principal(Identity);

/// The identities that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// The holder of the API token, who may do everything.
    TokenHolder,
}

/// Decides who a caller is.
#[derive(Debug)]
pub(crate) struct Authenticator {
    token: RwLock<Token>,
}

impl Authenticator {
    /// Makes an authenticator for one API token.
    pub(crate) fn new(token: Token) -> Self {
        Self { token: RwLock::new(token) }
    }

    /// Replaces the token: the former one is wrong from now on.
    pub(crate) fn replace(&self, token: Token) {
        *self.token.write() = token;
    }

    /// Returns the caller who sends this `Authorization` header; `None` if its token is wrong.
    pub(crate) fn authenticate(&self, header: &[u8]) -> Option<Principal> {
        self.token.read().is_in(header).then_some(Principal(Identity::TokenHolder))
    }
}
