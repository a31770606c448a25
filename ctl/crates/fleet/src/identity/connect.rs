//! A host opens a channel with a certificate of the controller's own CA.

use super::record::{HostRecord, HostState, KeyPlace};
use super::refusal::IdentityRefusal;
use crate::Digest;
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
    /// Whether the host uses the key before its newest: the answer to its renewal was lost.
    pub behind: bool,
}

/// Decides about a channel that a host opens with `key`.
///
/// The key is the one of a certificate that was verified and names the host. For a host that the
/// server does not know, the answer is [`IdentityRefusal::Unknown`].
///
/// # Errors
/// When the key is not, or not any more, the host's, or the host is banned.
pub fn connect(record: &mut HostRecord, key: Digest) -> Result<Connection, IdentityRefusal> {
    let was_active = !matches!(record.state, HostState::Quarantined(_));
    let behind = match record.present(key) {
        Ok(keys) => {
            let behind = keys.place(key) == KeyPlace::Previous;
            if !behind {
                keys.confirm();
            }
            behind
        }
        // It stays connected, so that an operator sees both.
        Err(IdentityRefusal::OlderKey) => false,
        Err(refusal) => return Err(refusal),
    };
    let standing = Standing::of(&record.state).ok_or(IdentityRefusal::Banned)?;
    let quarantined_now = was_active && standing == Standing::Quarantined;
    Ok(Connection { standing, quarantined_now, behind })
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
