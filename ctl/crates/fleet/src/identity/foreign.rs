//! A host opens a channel with a certificate of a company's own PKI.

use super::connect::Standing;
use super::record::{HostRecord, HostState, Issuer, PendingReason};
use super::{IdentityRefusal, MAX_PENDING};
use serde::{Deserialize, Serialize};

/// What happens to a host of the company's PKI that connects for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownHosts {
    /// It is active at once.
    #[default]
    Accept,
    /// An operator approves it first.
    Pending,
    /// It is refused.
    Refuse,
}

/// Decides about a channel that host `id` opens. Returns what the host may do, and its record if it
/// is new. `pending` is how many hosts wait for approval.
///
/// # Errors
/// When the host is banned, joined by a token, or is new and refused.
pub fn connect_foreign(
    known: Option<&HostRecord>,
    id: &str,
    unknown: UnknownHosts,
    pending: u32,
) -> Result<(Standing, Option<HostRecord>), IdentityRefusal> {
    if let Some(record) = known {
        // The company's CA must not speak for a host that joined with a key of its own.
        return match (record.issuer(), Standing::of(&record.state)) {
            (Issuer::Own, _) => Err(IdentityRefusal::OtherIssuer),
            (Issuer::Foreign, None) => Err(IdentityRefusal::Banned),
            (Issuer::Foreign, Some(standing)) => Ok((standing, None)),
        };
    }
    let (standing, state) = match unknown {
        UnknownHosts::Accept => (Standing::Active, HostState::Active),
        UnknownHosts::Pending if pending >= MAX_PENDING => {
            return Err(IdentityRefusal::TooManyPending);
        }
        UnknownHosts::Pending => (Standing::Pending, HostState::Pending(PendingReason::Foreign)),
        UnknownHosts::Refuse => return Err(IdentityRefusal::UnknownHosts),
    };
    let record = HostRecord { id: id.to_owned(), state, keys: None, machine: None, token: None };
    Ok((standing, Some(record)))
}
