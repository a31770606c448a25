//! A host opens a channel with a certificate of the controller's own CA.

use super::record::{HostRecord, HostState, KeyPlace};
use super::refusal::IdentityRefusal;
use crate::{Digest, UnixMillis};
use serde::{Deserialize, Serialize};

/// What a connected host may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It gets requests.
    Active,
    /// It gets no request until an operator approves it.
    Pending,
    /// It gets no request until an operator settles it.
    Quarantined,
}

/// A channel that may stay open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// What the host may do.
    pub standing: Standing,
    /// Whether this connection put the host in quarantine: restrict its other session too, and
    /// write an event.
    pub quarantined_now: bool,
    /// Whether the host uses the key before its newest, since the answer to its renewal was lost.
    pub answer_lost: bool,
    /// A key that is refused from now on, as an operator has settled: whoever is connected with it
    /// is a copy of the host.
    pub superseded: Option<Digest>,
}

impl Connection {
    /// Returns the connection of a host about which there is nothing else to say.
    pub const fn new(standing: Standing) -> Self {
        Self { standing, quarantined_now: false, answer_lost: false, superseded: None }
    }
}

/// Decides about a channel that a host opens with the certificate of `key`, which was verified and
/// names the host, and is valid from `not_before` on. For a host that the server does not know, the
/// answer is [`IdentityRefusal::Unknown`].
///
/// # Errors
/// When the key is not, or not any more, the host's, or the host is banned.
pub fn connect(
    record: &mut HostRecord,
    key: Digest,
    not_before: UnixMillis,
) -> Result<Connection, IdentityRefusal> {
    let was_quarantined = matches!(record.state, HostState::Quarantined(_));
    // Each certificate is signed after the record says so; so this record is from a backup.
    let is_behind = record.keys.as_ref().is_some_and(|keys| not_before > keys.newest);
    let (mut answer_lost, mut superseded) = (false, None);
    match record.present(key) {
        Ok(keys) if keys.place(key) == KeyPlace::Current => superseded = keys.confirm(),
        Ok(_) => answer_lost = true,
        // It stays connected, so that an operator sees both.
        Err(IdentityRefusal::OlderKey) => {}
        Err(IdentityRefusal::Unknown) if is_behind => record.adopt(key, not_before),
        Err(refusal) => return Err(refusal),
    }
    let standing = Standing::of(&record.state).ok_or(IdentityRefusal::Banned)?;
    let quarantined_now = !was_quarantined && standing == Standing::Quarantined;
    Ok(Connection { standing, quarantined_now, answer_lost, superseded })
}

impl HostRecord {
    /// Takes over a key that the host was given after this record was backed up.
    fn adopt(&mut self, key: Digest, not_before: UnixMillis) {
        if let Some(keys) = &mut self.keys {
            keys.go_to(key, false);
            keys.newest = not_before;
            keys.vouched = keys.vouched.max(Some(not_before));
        }
    }
}

impl Standing {
    /// Returns what a connected host in this state may do; `None` if it may not be connected.
    pub const fn of(state: &HostState) -> Option<Self> {
        match state {
            HostState::Active => Some(Self::Active),
            HostState::Pending(_) => Some(Self::Pending),
            HostState::Quarantined(_) => Some(Self::Quarantined),
            HostState::Banned => None,
        }
    }
}
