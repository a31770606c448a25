//! How a host's identity changes: who changes it, what its keys are known for, and what others hear.

use fleet::audit::Event;
use fleet::{Digest, HostRecord, HostState};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Who causes a change of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum By {
    /// An operator: the request's own event tells of it.
    Operator,
    /// The host, from this address, by the rules: an event is recorded with the change.
    Host(IpAddr),
}

/// What a key that belongs to no host is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum GoneKey {
    /// Its host was removed.
    Removed,
    /// It is refused for ever.
    Banned,
}

/// Returns every key of a host.
pub(in crate::store) fn keys(record: &HostRecord) -> BTreeSet<Digest> {
    record.keys.iter().flat_map(|keys| keys.all()).collect()
}

/// Makes the event of something that a host has caused, from this address.
pub(in crate::store) fn host_event(
    action: &str,
    host: &str,
    source: IpAddr,
    detail: Option<String>,
) -> Event {
    Event {
        actor: format!("host:{host}"),
        source: Some(source.to_string()),
        action: action.to_owned(),
        hosts: vec![host.to_owned()],
        detail,
    }
}

/// A change of a host's standing, for its live channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandingChange {
    /// The host.
    pub(crate) host: String,
    /// Its state now; `None` if it was removed. A host without a [`fleet::identity::Standing`] must
    /// not stay connected.
    pub(crate) state: Option<HostState>,
}
