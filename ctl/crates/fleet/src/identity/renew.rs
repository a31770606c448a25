//! A host renews its certificate in its channel, with a new key each time.

use super::certificate::{Certificate, Offer};
use super::record::{HostRecord, HostState};
use super::refusal::IdentityRefusal;
use crate::{Digest, UnixMillis};

/// A host's question.
#[derive(Clone, Copy, Debug)]
pub struct Renew<'a> {
    /// The host's own name for this renewal.
    pub id: &'a str,
    /// The key that the channel was opened with.
    pub key: Digest,
    /// The key of the signed request.
    pub new_key: Digest,
    /// Whether another host has the new key, or it is banned.
    pub new_key_is_taken: bool,
}

/// Decides about a renewal. A quarantined host may renew: its certificate must not end before an
/// operator has decided, and it remains quarantined.
///
/// # Errors
/// When the channel's key is not the host's any more, or the new key cannot be.
pub fn renew(
    record: &mut HostRecord,
    ask: &Renew<'_>,
    offer: &Offer,
    now: UnixMillis,
) -> Result<Certificate, IdentityRefusal> {
    if matches!(record.state, HostState::Pending(_)) {
        return Err(IdentityRefusal::Undecided);
    }
    let keys = record.present(ask.key)?;
    let last = keys.certificate.as_ref().and_then(|issued| issued.renewal.as_deref());
    if keys.previous == Some(ask.key) && keys.current == ask.new_key {
        return Ok(keys.certificate_again(offer, now));
    }
    if last == Some(ask.id) {
        return Err(IdentityRefusal::OtherRenewal);
    }
    if ask.new_key_is_taken || keys.all().any(|key| key == ask.new_key) {
        return Err(IdentityRefusal::KeyInUse);
    }
    keys.advance(ask.key, ask.new_key);
    Ok(keys.issue(offer, Some(ask.id.to_owned())))
}
