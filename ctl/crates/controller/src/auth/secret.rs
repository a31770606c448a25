//! Secrets that the controller makes: API tokens, session cookies, CSRF tokens and the secret of
//! the setup link. Only SHA-256 digests of them are stored.

use fleet::Digest;
use std::fmt;

/// Random bytes of a secret; its text has them as hexadecimal digits.
const BYTES: usize = 32;

/// The start of an API token's text: a scanner of leaked secrets finds it by this.
const API_TOKEN: &str = "bap_";

/// A secret's text. It is printed only where its owner is shown it.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system has no random numbers")
    }
}

impl std::error::Error for NoRandomness {}

impl Secret {
    /// Makes a secret.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(hex(&bytes)))
    }

    /// Makes an API token (`bap_…`).
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn api_token() -> Result<Self, NoRandomness> {
        Ok(Self(format!("{API_TOKEN}{}", Self::random()?.0)))
    }

    /// Returns the text, to show it to its owner.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the digest to store.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// Returns the digest of a secret that a client presents; `None` if it cannot be an API token.
pub(crate) fn api_token_digest(given: &[u8]) -> Option<Digest> {
    let random = given.strip_prefix(API_TOKEN.as_bytes())?;
    is_random(random).then(|| Digest::of(given))
}

/// Returns the digest of a cookie, a CSRF token or a setup secret that a client presents; `None`
/// if it cannot be one.
pub(crate) fn secret_digest(given: &[u8]) -> Option<Digest> {
    is_random(given).then(|| Digest::of(given))
}

fn is_random(text: &[u8]) -> bool {
    text.len() == 2 * BYTES && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the CSRF token of the session with this cookie. It follows from the cookie, so that
/// nothing of it is stored; nobody can compute it without the cookie.
pub(crate) fn csrf_token(cookie: &[u8]) -> String {
    Digest::of(&[b"basicagent csrf ", cookie].concat()).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognized_by_its_form_and_known_by_its_digest() {
        let token = Secret::api_token().unwrap();
        assert_eq!(api_token_digest(token.reveal().as_bytes()), Some(token.digest()));
        assert_eq!(secret_digest(token.reveal().as_bytes()), None);
        let cookie = Secret::random().unwrap();
        assert_eq!(secret_digest(cookie.reveal().as_bytes()), Some(cookie.digest()));
        assert_ne!(cookie.digest(), Secret::random().unwrap().digest());
        for wrong in ["", "bap_", "bap_0", &cookie.reveal()[1..], &cookie.reveal().to_uppercase()] {
            assert_eq!(secret_digest(wrong.as_bytes()), None, "{wrong}");
            assert_eq!(api_token_digest(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(format!("{cookie:?}"), "Secret(…)");
    }
}
