//! The session's cookie (RFC 6265bis): for this origin alone, out of reach of scripts, and never
//! sent with a request that another site starts.

use super::secret::{Secret, csrf_token, secret_digest};
use fleet::Digest;
use std::time::Duration;

/// The cookie's name over plain HTTP, which is for loopback only.
const NAME: &str = "basicagent-session";

/// The cookie's name over HTTPS: browsers accept this prefix with `Secure`, `Path=/` and without
/// `Domain` only, so that no other host of the domain can set it.
const SECURE_NAME: &str = "__Host-basicagent-session";

/// Whether the client's connection is HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secure(pub(crate) bool);

impl Secure {
    /// Returns the name of a session's cookie.
    pub(crate) const fn name(self) -> &'static str {
        if self.0 { SECURE_NAME } else { NAME }
    }
}

/// Returns the digest of the session's secret in a `Cookie` header, and the session's CSRF token;
/// `None` without exactly one.
pub(crate) fn session_of(header: &[u8], secure: Secure) -> Option<(Digest, String)> {
    let mut values = header.split(|byte| *byte == b';').filter_map(|pair| {
        pair.trim_ascii().strip_prefix(secure.name().as_bytes())?.strip_prefix(b"=")
    });
    match (values.next(), values.next()) {
        (Some(value), None) => Some((secret_digest(value)?, csrf_token(value))),
        _ => None,
    }
}

/// Returns the `Set-Cookie` header that starts a session.
pub(crate) fn start(secret: &Secret, lifetime: Duration, secure: Secure) -> String {
    set(secret.reveal(), lifetime, secure)
}

/// Returns the `Set-Cookie` header that ends a session.
pub(crate) fn end(secure: Secure) -> String {
    set("", Duration::ZERO, secure)
}

fn set(value: &str, lifetime: Duration, secure: Secure) -> String {
    let name = secure.name();
    let only_https = if secure.0 { "; Secure" } else { "" };
    let seconds = lifetime.as_secs();
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{only_https}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_from_its_own_cookie_only() {
        let secret = Secret::random().unwrap();
        let text = secret.reveal();
        for secure in [Secure(false), Secure(true)] {
            let (own, other) = (secure.name(), Secure(!secure.0).name());
            for (header, found) in [
                (format!("{own}={text}"), true),
                (format!("a=b; {own}={text}; c=d"), true),
                (format!("a=b;{own}={text}"), true),
                (format!("{own}={text}; {own}={text}"), false),
                (format!("{other}={text}"), false),
                (format!("x{own}={text}"), false),
                (format!("{own}x={text}"), false),
                (format!("{own}="), false),
                (format!("{own}={text}0"), false),
                (String::new(), false),
            ] {
                let digest = session_of(header.as_bytes(), secure).map(|(digest, _)| digest);
                assert_eq!(digest, found.then(|| secret.digest()), "{header}");
            }
        }
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let secret = Secret::random().unwrap();
        let day = Duration::from_secs(86_400);
        let (plain, https) =
            (start(&secret, day, Secure(false)), start(&secret, day, Secure(true)));
        for text in [&plain, &https] {
            assert!(text.ends_with("; HttpOnly; SameSite=Strict") || text.ends_with("; Secure"));
            assert!(text.contains("; HttpOnly; SameSite=Strict") && text.contains("Max-Age=86400"));
        }
        assert!(https.starts_with("__Host-") && https.contains("; Secure"));
        assert!(!plain.contains("Secure"));
        assert!(end(Secure(true)).starts_with("__Host-basicagent-session=; Path=/; Max-Age=0;"));
    }
}
