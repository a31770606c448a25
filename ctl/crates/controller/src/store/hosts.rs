//! The hosts: who they are (keys, certificate, state), their labels, and when they were last seen.
//!
//! Each decision on an identity (enroll, renew, recover, connect, settle) is made by the rules of
//! the crate `fleet`, within the transaction that stores it. A certificate is never stored: its
//! serial number and validity are, and whoever asks signs it from those after the commit.

use super::StoreError;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::broadcast;

/// The hosts of a fleet.
#[async_trait]
pub(crate) trait Hosts {
    /// Admits a host by a join token: in one transaction the token is checked, the host is made
    /// with its key and the token's labels, the use is counted, and the event `host.enroll` is
    /// recorded. The same token and key again give the same host and count no use.
    ///
    /// # Errors
    /// When the database cannot be written. A refusal is an [`EnrollOutcome`].
    async fn enroll(&self, request: EnrollRequest) -> Result<EnrollOutcome, StoreError>;

    /// Gives a host a new key. The same `renewal_id` gives the same answer.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn renew(&self, request: RenewRequest) -> Result<RenewOutcome, StoreError>;

    /// Gives a host a new key which has proved the bound one, though its certificate has expired.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn recover(&self, request: RecoverRequest) -> Result<EnrollOutcome, StoreError>;

    /// Judges a host that has just proved its key, and notes that it is connected. A full disk
    /// keeps out only a host whose standing would have to be stored.
    ///
    /// # Errors
    /// When the database cannot be read, or must be written and cannot.
    async fn connected(&self, connection: Connection) -> Result<Standing, StoreError>;

    /// Notes that a host's channel has ended.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn disconnected(&self, host: &str, at: i64) -> Result<(), StoreError>;

    /// Returns a host.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn host(&self, id: &str) -> Result<Option<HostRow>, StoreError>;

    /// Returns a page of hosts, ordered by id.
    ///
    /// # Errors
    /// When the database cannot be read, or the selector costs more time than a query may take.
    async fn hosts(&self, query: HostQuery) -> Result<Vec<HostRow>, StoreError>;

    /// Sets and removes labels of a host, as an operator; returns the host as it is then.
    ///
    /// # Errors
    /// When the host is unknown, or would have more than [`MAX_LABELS`] labels.
    async fn set_labels(&self, host: &str, change: LabelChange) -> Result<HostRow, StoreError>;

    /// Lets a pending host in.
    ///
    /// # Errors
    /// When the host is unknown or not pending.
    async fn approve(&self, host: &str, now: i64) -> Result<HostRow, StoreError>;

    /// Stops commands to a host, which stays connected and visible.
    ///
    /// # Errors
    /// When the host is unknown, or its state is not active.
    async fn quarantine(&self, host: &str, reason: &str) -> Result<HostRow, StoreError>;

    /// Ends a quarantine.
    ///
    /// # Errors
    /// When the host is unknown or not quarantined.
    async fn settle(&self, host: &str, settlement: Settlement) -> Result<HostRow, StoreError>;

    /// Refuses a host's keys for ever. Its row stays.
    ///
    /// # Errors
    /// When the host is unknown, or too many keys are banned.
    async fn ban(&self, host: &str, reason: &str, now: i64) -> Result<HostRow, StoreError>;

    /// Removes a host, which may join again. Its results stay until they are too old.
    ///
    /// # Errors
    /// When the host is unknown.
    async fn remove(&self, host: &str, now: i64) -> Result<(), StoreError>;

    /// Returns how many hosts there are of each state. Cached: costs nothing.
    fn counts(&self) -> HostCounts;

    /// Returns how many of the hosts that were seen since `since` know which version of the CA
    /// bundle.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn ca_versions(&self, since: i64) -> Result<BTreeMap<u32, u64>, StoreError>;

    /// Returns the hosts seen since `since` that know only a CA bundle older than `version`, by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn behind_ca(
        &self,
        version: u32,
        since: i64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// Returns every change of a host's standing from now on, after it is on disk. A receiver that
    /// lags must look at each of its hosts.
    fn standings(&self) -> broadcast::Receiver<Arc<[StandingChange]>>;
}

/// Labels of one host.
pub(crate) const MAX_LABELS: usize = 64;

/// SHA-256 of a public key (SubjectPublicKeyInfo, DER).
pub(crate) type KeyHash = [u8; 32];

/// The content of a certificate that is the server's to choose, chosen before the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateTerms {
    /// The serial number.
    pub(crate) serial: [u8; 16],
    /// Milliseconds since 1970.
    pub(crate) not_before: i64,
    /// Milliseconds since 1970.
    pub(crate) not_after: i64,
}

/// A host that asks to be admitted by a join token.
#[derive(Clone)]
pub(crate) struct EnrollRequest {
    /// The token's id.
    pub(crate) token: String,
    /// SHA-256 of the token's secret.
    pub(crate) secret: [u8; 32],
    /// The key that the certificate is asked for.
    pub(crate) key: KeyHash,
    /// The id that the host would like; valid as a host id.
    pub(crate) wanted: Option<String>,
    /// The id that it gets otherwise: a fresh UUID.
    pub(crate) fresh: String,
    /// SHA-256 of its machine-id.
    pub(crate) machine: Option<String>,
    /// Its boot.
    pub(crate) boot: Option<String>,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The address that asks.
    pub(crate) source: IpAddr,
    /// For the certificate, if it is to be signed anew.
    pub(crate) certificate: CertificateTerms,
    /// The version of the CA bundle that the answer carries.
    pub(crate) ca_version: u32,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// A connected host that asks for a new certificate.
#[derive(Clone, Debug)]
pub(crate) struct RenewRequest {
    /// The host.
    pub(crate) host: String,
    /// The key of the channel that asks.
    pub(crate) presented: KeyHash,
    /// The renewal's id, chosen by the agent.
    pub(crate) renewal_id: String,
    /// The new key.
    pub(crate) key: KeyHash,
    /// For the certificate, if it is to be signed anew.
    pub(crate) certificate: CertificateTerms,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// A host that has proved its bound key and asks for a certificate.
#[derive(Clone, Debug)]
pub(crate) struct RecoverRequest {
    /// The host.
    pub(crate) host: String,
    /// The bound key, proved.
    pub(crate) presented: KeyHash,
    /// The new key.
    pub(crate) key: KeyHash,
    /// SHA-256 of its machine-id.
    pub(crate) machine: Option<String>,
    /// Its boot.
    pub(crate) boot: Option<String>,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The address that asks.
    pub(crate) source: IpAddr,
    /// For the certificate.
    pub(crate) certificate: CertificateTerms,
    /// The version of the CA bundle that the answer carries.
    pub(crate) ca_version: u32,
    /// Milliseconds after the certificate's end within which nobody has to approve.
    pub(crate) recover_within: i64,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// What to sign: the certificate of `key` for `host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issue {
    /// The host.
    pub(crate) host: String,
    /// The generation of the key.
    pub(crate) generation: u32,
    /// What else the certificate says.
    pub(crate) certificate: CertificateTerms,
}

/// The answer to an enrollment or recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnrollOutcome {
    /// The host is admitted.
    Issued(Issue),
    /// An operator has to approve the host; it asks again.
    Pending {
        /// The host.
        host: String,
    },
    /// The host is not admitted.
    Refused(Refusal),
}

/// The answer to a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RenewOutcome {
    /// The host has a new key.
    Issued(Issue),
    /// The host keeps what it has.
    Refused(Refusal),
}

/// Why a host is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The join token is unknown, or its secret is wrong.
    TokenUnknown,
    /// The join token has expired.
    TokenExpired,
    /// The join token has no uses left.
    TokenUsedUp,
    /// The join token was revoked.
    TokenRevoked,
    /// The join token is not good from this network.
    TokenNetwork,
    /// Too many hosts wait for approval.
    TooManyPending,
    /// The key, or the host, was banned.
    Banned,
    /// The host was removed.
    Removed,
    /// The host is unknown.
    Unknown,
    /// The key was replaced by a newer one.
    Superseded,
    /// The key is bound to another host.
    KeyOfAnother,
    /// The id belongs to a host of another CA.
    OtherIssuer,
}

/// A channel that has just been opened.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The host id that the certificate names.
    pub(crate) host: String,
    /// The certificate's key.
    pub(crate) key: KeyHash,
    /// The CA that signed the certificate.
    pub(crate) issuer: Issuer,
    /// The certificate's begin, milliseconds since 1970.
    pub(crate) not_before: i64,
    /// The certificate's end, milliseconds since 1970.
    pub(crate) not_after: i64,
    /// The host's address.
    pub(crate) address: SocketAddr,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The host's boot.
    pub(crate) boot: Option<String>,
    /// The version of the CA bundle that it knows.
    pub(crate) ca_version: Option<u32>,
    /// For hosts of another PKI that are seen for the first time.
    pub(crate) unknown: UnknownHosts,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Who signed a host's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// Our own CA.
    Own,
    /// The company's PKI.
    Foreign,
}

/// What becomes of a host of another PKI that is seen for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnknownHosts {
    /// It is active.
    #[default]
    Accept,
    /// An operator has to approve it.
    Pending,
    /// It is refused.
    Refuse,
}

/// What a connected host may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Everything.
    Active,
    /// It waits for approval: connected, visible, no command.
    Pending,
    /// Connected, visible, no command.
    Quarantined {
        /// Why.
        reason: String,
    },
    /// The channel must be closed.
    Refused(Refusal),
}

/// A change of a host's standing, for its live channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandingChange {
    /// The host.
    pub(crate) host: String,
    /// Its standing now.
    pub(crate) standing: Standing,
}

/// A host's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostState {
    /// It may do everything.
    Active,
    /// It waits for approval.
    Pending,
    /// It gets no command.
    Quarantined,
    /// Its keys are refused.
    Banned,
}

impl HostState {
    /// Every state.
    pub(crate) const ALL: [Self; 4] =
        [Self::Active, Self::Pending, Self::Quarantined, Self::Banned];

    /// Returns the state's name in the database and the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Quarantined => "quarantined",
            Self::Banned => "banned",
        }
    }

    /// Returns the state of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// How a quarantine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// The host with the current key is the host; older keys are refused.
    Keep,
    /// A snapshot was restored: the older key that was presented last is the current one again.
    Restored,
    /// The other host has been told to enroll again; this one is active.
    EnrollAgain,
}

/// How many hosts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostCounts {
    /// Hosts that may do everything.
    pub(crate) active: u64,
    /// Hosts that wait for approval.
    pub(crate) pending: u64,
    /// Hosts that get no command.
    pub(crate) quarantined: u64,
    /// Hosts whose keys are refused.
    pub(crate) banned: u64,
}

/// Who set a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelSource {
    /// An operator.
    Operator,
    /// The join token.
    Token,
    /// The host's facts.
    Fact,
}

impl LabelSource {
    /// Returns the source's name in the database and the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Token => "token",
            Self::Fact => "fact",
        }
    }
}

/// A label of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// The value.
    pub(crate) value: String,
    /// Who set it.
    pub(crate) source: LabelSource,
}

/// Labels to set and to remove; both valid by the rules of `fleet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelChange {
    /// Labels to set.
    pub(crate) set: BTreeMap<String, String>,
    /// Keys to remove.
    pub(crate) remove: Vec<String>,
}

/// A stored host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostRow {
    /// The host id.
    pub(crate) id: String,
    /// Its state.
    pub(crate) state: HostState,
    /// Why it is in this state.
    pub(crate) reason: Option<String>,
    /// Who signs its certificates.
    pub(crate) issuer: Issuer,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, Label>,
    /// The generation of its key; 0 for a host of another PKI.
    pub(crate) generation: u32,
    /// The end of its newest certificate, milliseconds since 1970.
    pub(crate) not_after: Option<i64>,
    /// The join token that admitted it.
    pub(crate) token: Option<String>,
    /// SHA-256 of its machine-id at enrollment.
    pub(crate) machine: Option<String>,
    /// Milliseconds since 1970. For a host of another PKI: when it was first seen.
    pub(crate) enrolled_at: i64,
    /// The address of its last channel.
    pub(crate) address: Option<SocketAddr>,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The version of the CA bundle that it knows.
    pub(crate) ca_version: Option<u32>,
    /// When its last channel opened, milliseconds since 1970.
    pub(crate) connected_at: Option<i64>,
    /// When its last channel opened or ended, milliseconds since 1970.
    pub(crate) last_seen: Option<i64>,
}

/// A page of hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostQuery {
    /// Only hosts of this state.
    pub(crate) state: Option<HostState>,
    /// Only hosts with an id above this one.
    pub(crate) after: String,
    /// The most hosts of the page.
    pub(crate) limit: usize,
}

impl fmt::Debug for EnrollRequest {
    /// Leaves out the digest of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollRequest")
            .field("token", &self.token)
            .field("wanted", &self.wanted)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
