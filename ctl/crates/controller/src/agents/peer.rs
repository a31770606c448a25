//! Who is at the other end of a session, and why it may get no request.

use fleet::identity::{Issuer, QuarantineReason, Standing};
use fleet::{Digest, HostState};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who is at the other end, as the handshake found out.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The host id, which the certificate names.
    pub(crate) host: String,
    /// The address that the agent connected from.
    pub(crate) address: SocketAddr,
    /// The version that the agent reported.
    pub(crate) version: Option<String>,
    /// The boot that the agent reported.
    pub(crate) boot: Option<String>,
    /// The key that the agent proved.
    pub(crate) key: Digest,
    /// Who signed its certificate.
    pub(crate) issuer: Issuer,
    /// The version of the CA bundle that the agent has.
    pub(crate) ca_version: Option<u32>,
}

/// Why a connected host gets no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Restriction {
    /// An operator has to approve it first.
    Pending,
    /// An operator has to settle it first.
    Quarantined(Arc<str>),
    /// Another agent with its identity was there before and is alive.
    Clone(Arc<str>),
}

impl Restriction {
    /// Returns the restriction of a host with this standing, without the reason.
    pub(super) fn of(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Active => None,
            Standing::Pending => Some(Self::Pending),
            Standing::Quarantined => Some(Self::Quarantined("an operator has to settle it".into())),
        }
    }

    /// Returns the restriction of a host in this state; for a banned one, it does not matter.
    pub(super) fn of_state(state: &HostState) -> Option<Self> {
        match state {
            HostState::Quarantined(QuarantineReason::OlderKey(_)) => Some(Self::Quarantined(
                "an older key of it was presented: a copy of it runs, or it was restored from a \
                 snapshot"
                    .into(),
            )),
            HostState::Quarantined(QuarantineReason::Operator(why)) => {
                Some(Self::Quarantined(why.as_str().into()))
            }
            other => Self::of(Standing::of(other)?),
        }
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("it waits for approval"),
            Self::Quarantined(why) | Self::Clone(why) => write!(f, "it is quarantined: {why}"),
        }
    }
}
