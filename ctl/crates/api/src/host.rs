//! Hosts: their state, their labels, and an operator's decisions about them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use utoipa::{IntoParams, ToSchema};

/// The query of a page of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostsQuery {
    /// Only hosts with matching labels, as in `env=prod,role in (web,db),!legacy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "env=prod,role in (web,db)")]
    pub selector: Option<String>,
    /// Only hosts with an id or hostname of which a part begins with this text, in upper or lower
    /// case. Parts begin at the start, behind `-`, `_` or `.`, and where digits begin: `web-007` is
    /// found by `web`, `007` and `7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only hosts in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<HostState>,
    /// Only hosts that are connected now, or only those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// The most hosts in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of hosts, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostList {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A host that has enrolled, or that has connected with a certificate of a company's own PKI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Host {
    /// The host id, which the host's certificate names.
    #[schema(example = "web-1.example")]
    pub id: String,
    /// Whether the host may be asked anything.
    pub state: HostState,
    /// Why the host is in this state, if there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// The host's labels by key.
    #[serde(default)]
    pub labels: BTreeMap<String, Label>,
    /// Whether the host is connected now.
    pub connected: bool,
    /// The address that the host connected from, now or the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "10.0.0.7:51234")]
    pub address: Option<SocketAddr>,
    /// The agent's version, if the agent reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the present channel was accepted: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub connected_at: Option<String>,
    /// When the host was last connected: RFC 3339, UTC; absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub last_seen: Option<String>,
    /// Why the last connection ended, of a host that is not connected. Absent if the host never was
    /// connected, or if the controller itself went down without a word then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departure: Option<Departure>,
    /// When the host enrolled or was first seen: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub enrolled_at: Option<String>,
    /// The id of the join token that admitted the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The number of the host's key: 1 at enrollment, 1 more with each renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// When the host's certificate expires: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub certificate_not_after: Option<String>,
    /// Who signed the host's certificate.
    pub issuer: Issuer,
    /// The version of the CA bundle that the host has reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_version: Option<u64>,
    /// Requests that the host has not answered yet.
    #[serde(default)]
    pub requests_running: u64,
    /// Other channels that use this host's identity. They get no request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clones: Vec<HostClone>,
}

/// Why a host's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// The agent said goodbye: it was stopped, or its machine was shut down.
    Closed,
    /// The connection was lost: the network, the machine or the agent failed.
    Lost,
    /// A newer connection of the host replaced it.
    Replaced,
    /// An operator removed or banned the host, or settled that it was a copy.
    Revoked,
    /// The agent's certificate expired.
    CertificateExpired,
    /// The agent sent something that is no message.
    ProtocolError,
    /// The controller had no room for a large message of the agent.
    NoRoom,
    /// The controller asked the agent to come back with its new certificate.
    Renewed,
    /// The controller asked the agent to come back and deliver results again.
    Redelivery,
    /// The controller asked the agent to go to another of its nodes.
    Moved,
    /// The controller was stopped.
    ControllerStopped,
}

impl Departure {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Lost,
        Self::Replaced,
        Self::Revoked,
        Self::CertificateExpired,
        Self::ProtocolError,
        Self::NoRoom,
        Self::Renewed,
        Self::Redelivery,
        Self::Moved,
        Self::ControllerStopped,
    ];

    /// Returns the name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
            Self::CertificateExpired => "certificate_expired",
            Self::ProtocolError => "protocol_error",
            Self::NoRoom => "no_room",
            Self::Renewed => "renewed",
            Self::Redelivery => "redelivery",
            Self::Moved => "moved",
            Self::ControllerStopped => "controller_stopped",
        }
    }

    /// Returns the reason with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|departure| departure.name() == name)
    }

    /// Returns the reason in words, as in "away for 3 min: the connection was lost".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Closed => "the agent said goodbye",
            Self::Lost => "the connection was lost",
            Self::Replaced => "a newer connection replaced it",
            Self::Revoked => "an operator removed or banned it",
            Self::CertificateExpired => "its certificate expired",
            Self::ProtocolError => "the agent sent something that is no message",
            Self::NoRoom => "the controller had no room for its large message",
            Self::Renewed => "it was to come back with its new certificate",
            Self::Redelivery => "it was to deliver results again",
            Self::Moved => "it was to go to another node of the controller",
            Self::ControllerStopped => "the controller was stopped",
        }
    }
}

/// Whether a host may be asked anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// The host is asked as usual.
    Active,
    /// The host waits for an operator's approval, and gets no request.
    Pending,
    /// The host may connect, but gets no request.
    Quarantined,
    /// The host's key is refused for ever.
    Banned,
}

impl HostState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Pending, Self::Quarantined, Self::Banned];

    /// Returns the state's name, as it is in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Quarantined => "quarantined",
            Self::Banned => "banned",
        }
    }
}

/// Who signed a host's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// The controller's own CA.
    Own,
    /// A company's own PKI (`--agent-ca`).
    Foreign,
}

/// A label's value and its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The value; it may be empty.
    pub value: String,
    /// Where the label comes from.
    pub source: LabelSource,
}

/// Where a label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    /// An operator set it.
    Operator,
    /// The join token gave it.
    Token,
    /// It follows from what the host reported.
    Fact,
}

/// A channel that uses the identity of another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostClone {
    /// The address that it connected from.
    #[schema(value_type = String, example = "10.0.0.7:51234")]
    pub address: SocketAddr,
    /// The boot id that it reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// When it connected: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: String,
    /// How the controller noticed it.
    pub reason: String,
}

/// A change of a host's labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelChange {
    /// Labels to set, by key.
    pub set: BTreeMap<String, String>,
    /// Keys of labels to remove; a key that the host does not have is skipped.
    pub remove: Vec<String>,
}

/// Why an operator quarantines or bans a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reason {
    /// The reason, for whoever looks at the host later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an operator ends a host's quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// The choice.
    pub choice: SettleChoice,
}

/// The ways to end a quarantine after a clone or a restored snapshot was detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettleChoice {
    /// The channel with the current key is the host; others must enroll again.
    Keep,
    /// The host was restored from a snapshot: its older key is the host's key again.
    Restored,
    /// The other machine sets the identity aside and enrolls again.
    EnrollAgain,
}
