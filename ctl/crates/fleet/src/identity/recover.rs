//! A host that was away for longer than its certificate comes back by its last key.

use super::Answer;
use super::certificate::Offer;
use super::record::{HostRecord, HostState, PendingReason};
use super::refusal::IdentityRefusal;
use crate::{Digest, UnixMillis};

/// A host's question. The caller has verified its signature by `key`.
#[derive(Clone, Copy, Debug)]
pub struct Recover {
    /// The key that signed.
    pub key: Digest,
    /// The key for the new certificate.
    pub new_key: Digest,
    /// Whether another host has the new key, or it is banned.
    pub new_key_is_taken: bool,
    /// The SHA-256 of the host's machine-id, if it told that.
    pub machine: Option<Digest>,
    /// For how many milliseconds after its certificate's end a host recovers by itself.
    pub within: UnixMillis,
}

/// Decides about a host that recovers. The host must be known by its id.
///
/// # Errors
/// When the key is not, or not any more, the host's, or the new key cannot be. An older key puts
/// the host in quarantine.
pub fn recover(
    record: &mut HostRecord,
    ask: &Recover,
    offer: &Offer,
    now: UnixMillis,
) -> Result<Answer, IdentityRefusal> {
    let elsewhere = ask.machine.filter(|asked| record.machine.is_some_and(|known| known != *asked));
    let is_pending = matches!(record.state, HostState::Pending(_));
    let keys = record.present(ask.key)?;
    if is_pending {
        return Ok(Answer::Pending);
    }
    if keys.previous == Some(ask.key) && keys.current == ask.new_key {
        return Ok(Answer::Certificate(keys.certificate_again(offer, now)));
    }
    if ask.new_key_is_taken || keys.all().any(|key| key == ask.new_key) {
        return Err(IdentityRefusal::KeyInUse);
    }
    let ended = keys.certificate.as_ref().map(|issued| issued.not_after);
    let good_from = ended.max(keys.vouched).unwrap_or(now);
    let reason = match elsewhere {
        Some(machine) => Some(PendingReason::Machine(machine)),
        None => (now.saturating_sub(good_from) > ask.within).then_some(PendingReason::Away),
    };
    if let Some(reason) = reason {
        // A quarantine is not lifted by an approval: it stays, and the host asks again.
        if record.state == HostState::Active {
            record.state = HostState::Pending(reason);
        }
        return Ok(Answer::Pending);
    }
    keys.advance(ask.key, ask.new_key);
    let certificate = keys.issue(offer, None);
    record.machine = record.machine.or(ask.machine);
    Ok(Answer::Certificate(certificate))
}
