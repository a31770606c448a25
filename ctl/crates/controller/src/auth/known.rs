//! The caller of one request of a browser, for which the console asks the API several times.

use super::authenticator::Credentials;
use super::cookie::session_of;
use super::principal::{Credential, Principal};
use std::sync::{Arc, OnceLock};

/// The caller of a request, once the session is read. It lives no longer than the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<OnceLock<Principal>>);

impl Known {
    /// Returns the caller, if the credentials are those of the session that was read.
    pub(crate) fn caller(&self, credentials: &Credentials<'_>) -> Option<Principal> {
        let principal = self.0.get()?;
        let Credential::Session { cookie, .. } = principal.credential() else { return None };
        let ([], [header]) = (&credentials.authorization[..], &credentials.cookies[..]) else {
            return None;
        };
        let (given, _) = session_of(header, credentials.secure)?;
        given.is(cookie).then(|| principal.clone())
    }

    /// Keeps the caller whom a session has proved.
    pub(crate) fn keep(&self, principal: &Principal) {
        if matches!(principal.credential(), Credential::Session { .. }) {
            // Another part of the page may have been faster.
            let _ = self.0.set(principal.clone());
        }
    }
}
