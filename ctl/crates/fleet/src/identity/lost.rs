//! A host that the server does not know comes with a certificate of the server's own CA.

use super::record::{HostRecord, HostState, Keys, PendingReason};
use super::{IdentityRefusal, MAX_PENDING};
use crate::{Digest, UnixMillis};

/// Returns the record of host `id`, which opens a channel with the certificate of `key` and has no
/// record. The caller has checked that the key is not banned, nor that of a host that was removed:
/// so the database was restored from a copy that is older than the host, and an operator has to say
/// whether the host was there. `pending` is how many hosts wait for approval.
///
/// # Errors
/// When too many hosts wait already.
pub fn connect_lost(
    id: &str,
    key: Digest,
    not_before: UnixMillis,
    pending: u32,
) -> Result<HostRecord, IdentityRefusal> {
    if pending >= MAX_PENDING {
        return Err(IdentityRefusal::TooManyPending);
    }
    let mut keys = Keys::new(key, not_before);
    keys.confirmed = true;
    Ok(HostRecord {
        id: id.to_owned(),
        state: HostState::Pending(PendingReason::Lost),
        keys: Some(keys),
        machine: None,
        token: None,
    })
}
