//! Why a host does not get what it asks for.

use std::fmt;

/// Why a host is refused. It may have a key of the host or not; the sentence says what to do about
/// it on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityRefusal {
    /// The server does not know the host or this key of it; the host was removed, perhaps.
    Unknown,
    /// An operator banned the host or its key.
    Banned,
    /// An operator banned the host instead of approving it.
    NotApproved,
    /// An operator settled that another key is the host's.
    Superseded,
    /// The key is older than the host's newest. The host is quarantined by this.
    OlderKey,
    /// The host is quarantined or pending, so that it gets no certificate yet.
    Undecided,
    /// The key for the new certificate is in use: by another host, another machine, or before.
    KeyInUse,
    /// The renewal id belongs to a renewal with another key.
    OtherRenewal,
    /// The host's certificates come from another CA than the one that it presents or asks.
    OtherIssuer,
    /// The controller takes no host that it does not know.
    UnknownHosts,
    /// So many hosts wait for an operator that no other can.
    TooManyPending,
}

/// An operator's decision that does not fit the host's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongState {
    /// The host does not wait for approval.
    NotPending,
    /// The host waits for approval: approve, remove or ban it.
    Pending,
    /// The host is banned: remove it, so that it may enroll again with another key.
    Banned,
    /// No older key of the host was presented, so nothing was restored.
    NothingRestored,
}

impl fmt::Display for IdentityRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => {
                "the server does not know this host with this key; enroll it again with a join token"
            }
            Self::Banned => "an operator banned this host",
            Self::NotApproved => "an operator refused to let this host join",
            Self::Superseded => {
                "an operator settled that this host uses another key; to join as a host of its own, \
                 enroll this one again with a join token"
            }
            Self::OlderKey => {
                "this host has a newer key: this is a copy of it, or it was restored from a \
                 snapshot; an operator has to settle it"
            }
            Self::Undecided => "an operator has to decide about this host first",
            Self::KeyInUse => {
                "this key belongs to a host already; make another one and ask again with that"
            }
            Self::OtherRenewal => {
                "this renewal id was used with another key; start another renewal"
            }
            Self::OtherIssuer => {
                "this host id belongs to a host with certificates of another CA; remove that host \
                 first, or use another id"
            }
            Self::UnknownHosts => "the server takes no host that has not joined by a token",
            Self::TooManyPending => "too many hosts wait for an operator's approval; ask again later",
        })
    }
}

impl fmt::Display for WrongState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPending => "the host does not wait for approval",
            Self::Pending => "the host waits for approval: approve, ban or remove it",
            Self::Banned => "the host is banned; remove it, so that it can join with another key",
            Self::NothingRestored => {
                "nobody presented an older key of the host, so it was not restored from a snapshot"
            }
        })
    }
}

impl std::error::Error for IdentityRefusal {}
impl std::error::Error for WrongState {}
