//! The identity of a host that has joined, as the folder holds it.

use super::{Leaf, Record};
use std::path::PathBuf;

/// A certificate with the key that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) leaf: Leaf,
    /// Whether a renewal brought it, and it has not opened a channel.
    pub(crate) is_next: bool,
}

/// The identity of a host that has joined.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub(crate) host_id: String,
    pub(crate) record: Record,
    pub(crate) ca: PathBuf,
    /// The pairs, the newest first; at least one.
    pub(crate) pairs: Vec<Pair>,
    /// Whether a renewal has been begun and has no answer.
    pub(crate) is_renewing: bool,
    /// How far the host's clock is ahead of the server's, in seconds, where a new certificate
    /// seemed old.
    pub(super) ahead: i64,
}

impl Joined {
    /// Returns whether a pair's time is over.
    pub(crate) fn has_expired(&self, pair: &Pair, now: i64) -> bool {
        pair.leaf.has_expired(now.saturating_sub(self.ahead))
    }

    /// Returns when a pair is renewed, by the host's clock.
    pub(crate) fn renewal(&self, pair: &Pair) -> i64 {
        pair.leaf.renewal().saturating_add(self.ahead)
    }

    /// Returns the pair to use: the newest, unless it was rejected and there is another.
    pub(crate) fn pair(&self, rejects_next: bool) -> &Pair {
        let other = self.pairs.iter().find(|pair| !(rejects_next && pair.is_next));
        other.unwrap_or(&self.pairs[0])
    }
}

/// Returns how far the clock is ahead of the server's. A certificate that seems to be due for
/// renewal when it comes shows it: without this, the host would renew without end. It counts until
/// the clock is set back.
pub(super) fn ahead(leaf: &Leaf, received: Option<i64>, now: i64) -> i64 {
    match received {
        Some(at) if at >= leaf.renewal() && now >= at => at.saturating_sub(leaf.not_before),
        _ => 0,
    }
}
