//! Links that log an operator in, once, within a few minutes. They are kept in memory alone, by the
//! digests of their secrets: a controller that starts anew knows none.

use fleet::{Digest, UnixMillis};
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Milliseconds that a link is good for.
const LIFE: UnixMillis = 10 * 60 * 1000;

/// Links in all; a further one takes the place of the oldest.
const MAX_LINKS: usize = 256;

/// The links that were not used yet, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct LoginLinks(Mutex<VecDeque<Link>>);

#[derive(Debug)]
struct Link {
    digest: Digest,
    operator: String,
    expires: UnixMillis,
}

impl LoginLinks {
    /// Keeps a link; returns when it expires.
    pub(crate) fn put(&self, digest: Digest, operator: String, now: UnixMillis) -> UnixMillis {
        let expires = now.saturating_add(LIFE);
        let mut links = self.0.lock();
        links.retain(|link| now < link.expires);
        if links.len() >= MAX_LINKS {
            links.pop_front();
        }
        links.push_back(Link { digest, operator, expires });
        expires
    }

    /// Uses a link up, and returns the operator whom it logs in; `None` for one that is wrong, used
    /// or expired.
    pub(crate) fn take(&self, digest: &Digest, now: UnixMillis) -> Option<String> {
        let mut links = self.0.lock();
        let found = links.iter().position(|link| link.digest.is(digest))?;
        let link = links.remove(found)?;
        (now < link.expires).then_some(link.operator)
    }

    /// Forgets the links of an operator.
    pub(crate) fn forget(&self, operator: &str) {
        self.0.lock().retain(|link| link.operator != operator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_for_ten_minutes() {
        let links = LoginLinks::default();
        let digest = |text: &[u8]| Digest::of(text);
        assert_eq!(links.put(digest(b"a"), "ann".to_owned(), 0), LIFE);
        assert_eq!(links.take(&digest(b"b"), 0), None);
        assert_eq!(links.take(&digest(b"a"), LIFE - 1).as_deref(), Some("ann"));
        assert_eq!(links.take(&digest(b"a"), 0), None, "it works once");
        links.put(digest(b"b"), "bob".to_owned(), 0);
        assert_eq!(links.take(&digest(b"b"), LIFE), None, "it has expired");
        links.put(digest(b"a"), "ann".to_owned(), 0);
        links.forget("ann");
        assert_eq!(links.take(&digest(b"a"), 0), None);
    }

    #[test]
    fn links_are_bounded_and_the_newest_stay() {
        let links = LoginLinks::default();
        let digest = |number: usize| Digest::of(&number.to_be_bytes());
        for number in 0..=MAX_LINKS {
            links.put(digest(number), number.to_string(), 0);
        }
        assert_eq!(links.take(&digest(0), 0), None);
        assert_eq!(links.take(&digest(MAX_LINKS), 0), Some(MAX_LINKS.to_string()));
    }
}
