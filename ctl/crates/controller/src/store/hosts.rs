//! The hosts: who they are (keys, certificate, state), their labels, and when they were last seen.
//!
//! The crate `fleet` makes each decision on an identity (enroll, renew, recover, connect, settle),
//! within the transaction that stores it. A certificate is never stored: its serial number and
//! validity are, and whoever asks signs it from those after the commit.

use super::standing::StandingChange;
use super::{Admission, EnrollRequest, NewChannel, RecoverRequest, RenewRequest, StoreError};
use async_trait::async_trait;
use controller_api::Departure;
use fleet::identity::{Answer, Certificate, Choice, Connection, EnrollRefusal, Settled};
use fleet::{
    HostRecord, HostState, IdentityRefusal, LabelKey, LabelSource, LabelValue, Labels, Selector,
    TokenId, UnixMillis,
};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::broadcast;

/// The hosts of a fleet.
#[async_trait]
pub(crate) trait Hosts {
    /// Admits a host by a join token: in one transaction the token is checked, the host is made
    /// with its key and the token's labels, the use is counted, and the event `hosts.enroll` is
    /// recorded. The same token and key again give the same host and count no use.
    ///
    /// # Errors
    /// When the database cannot be written, or holds [`MAX_HOSTS`] hosts.
    async fn enroll(
        &self,
        request: EnrollRequest,
    ) -> Result<Result<Admission, EnrollRefusal>, StoreError>;

    /// Gives a host a new key. The same renewal id gives the same answer.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn renew(
        &self,
        request: RenewRequest,
    ) -> Result<Result<Certificate, IdentityRefusal>, StoreError>;

    /// Gives a host a new key which has proved the bound one, though its certificate has expired.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn recover(
        &self,
        request: RecoverRequest,
    ) -> Result<Result<Answer, IdentityRefusal>, StoreError>;

    /// Judges a host that has just proved its key, and notes that it is connected. A full disk
    /// keeps out only a host whose new standing would have to be stored.
    ///
    /// # Errors
    /// When the database cannot be read, or must be written and cannot.
    async fn connected(
        &self,
        channel: NewChannel,
    ) -> Result<Result<Connection, IdentityRefusal>, StoreError>;

    /// Notes that a host's channel has ended, and why, if it was the one that served the host.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn disconnected(
        &self,
        host: &str,
        why: Option<Departure>,
        at: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Returns a host.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn host(&self, id: &str) -> Result<Option<HostRow>, StoreError>;

    /// Returns those of some hosts that exist, by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn hosts_named(&self, ids: Vec<String>) -> Result<HashMap<String, HostRow>, StoreError>;

    /// Returns a page of hosts, ordered by id.
    ///
    /// # Errors
    /// When the database cannot be read, or the search takes too long.
    async fn hosts(&self, query: HostQuery) -> Result<Vec<HostRow>, StoreError>;

    /// Returns the ids of a page of hosts, in order.
    ///
    /// # Errors
    /// As for [`Hosts::hosts`].
    async fn host_ids(&self, query: HostQuery) -> Result<Vec<String>, StoreError>;

    /// Counts the hosts that match: exactly up to the query's limit, or that many. Where its page
    /// begins does not matter.
    ///
    /// # Errors
    /// As for [`Hosts::hosts`].
    async fn count_hosts(&self, query: HostQuery) -> Result<u64, StoreError>;

    /// Returns the hosts that joined last, the newest first, or of those that a join token admitted
    /// the last.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn newest_hosts(
        &self,
        token: Option<&TokenId>,
        limit: usize,
    ) -> Result<Vec<HostRow>, StoreError>;

    /// Returns keys of labels that begin with `prefix`, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn label_keys(&self, prefix: &str, limit: usize) -> Result<InUse, StoreError>;

    /// Returns values of the labels with this key that begin with `prefix`, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn label_values(
        &self,
        key: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<InUse, StoreError>;

    /// Returns keys of labels, or values of the labels with this key, that begin with `prefix`, of
    /// the hosts of a page: at most `limit`. There may be more if the page is full.
    ///
    /// # Errors
    /// As for [`Hosts::hosts`].
    async fn labels_of(
        &self,
        hosts: HostQuery,
        key: Option<&str>,
        prefix: &str,
        limit: usize,
    ) -> Result<InUse, StoreError>;

    /// Sets and removes labels of a host, as an operator; returns the host as it is then.
    ///
    /// # Errors
    /// When the host is unknown, or would have more than [`fleet::MAX_LABELS`] labels.
    async fn set_labels(&self, host: &str, change: LabelChange) -> Result<HostRow, StoreError>;

    /// Lets a pending host in.
    ///
    /// # Errors
    /// When the host is unknown or not pending.
    async fn approve(&self, host: &str, now: UnixMillis) -> Result<HostRow, StoreError>;

    /// Stops requests to a host, which stays connected and visible.
    ///
    /// # Errors
    /// When the host is unknown, or its state does not allow it.
    async fn quarantine(
        &self,
        host: &str,
        reason: &str,
        now: UnixMillis,
    ) -> Result<HostRow, StoreError>;

    /// Ends a quarantine, or settles which of two channels is the host.
    ///
    /// # Errors
    /// When the host is unknown, or its state does not allow it.
    async fn settle(
        &self,
        host: &str,
        choice: Choice,
        now: UnixMillis,
    ) -> Result<(HostRow, Settled), StoreError>;

    /// Refuses a host and its keys for ever. Its row stays.
    ///
    /// # Errors
    /// When the host is unknown, or [`MAX_BANNED_KEYS`] are banned.
    async fn ban(&self, host: &str, now: UnixMillis) -> Result<HostRow, StoreError>;

    /// Removes a host, which may join again. Its results stay until they are too old.
    ///
    /// # Errors
    /// When the host is unknown.
    async fn remove(&self, host: &str, now: UnixMillis) -> Result<(), StoreError>;

    /// Returns how many hosts there are of each state. Costs nothing.
    fn counts(&self) -> HostCounts;

    /// Returns for each of these times how many hosts have a certificate that ends before it. Banned
    /// hosts do not count.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn certificates_ending(&self, before: &[UnixMillis]) -> Result<Vec<u64>, StoreError>;

    /// Notes that a host trusts this version of the CA bundle.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn trusts(&self, host: &str, ca_version: u32) -> Result<(), StoreError>;

    /// Returns how many hosts of our own CA that were seen since `since` have followed it to this
    /// version, and some of those that have not.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn followers(&self, ca_version: u32, since: UnixMillis) -> Result<Followers, StoreError>;

    /// Returns the change of any host's standing from now on, each after it is on disk. A receiver
    /// that lags must look at each of its hosts.
    fn standings(&self) -> broadcast::Receiver<Arc<[StandingChange]>>;
}

/// How many hosts have followed our own CA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Followers {
    /// Hosts in all.
    pub(crate) hosts: u64,
    /// Those that have.
    pub(crate) ready: u64,
    /// Some of those that have not, by id: at most [`MAX_MISSING`].
    pub(crate) missing: Vec<String>,
}

/// Hosts that have not followed, in one answer.
pub(crate) const MAX_MISSING: usize = 100;

/// Hosts in all.
pub(crate) const MAX_HOSTS: u64 = 1_000_000;

/// Keys that are banned, in all.
pub(crate) const MAX_BANNED_KEYS: u64 = 100_000;

/// How long the key of a removed host is known: longer than any certificate lives.
pub(in crate::store) const REMOVED_KEPT: UnixMillis = 40 * fleet::DAY;

/// Keys of removed hosts; beyond them, the oldest are forgotten.
pub(in crate::store) const MAX_REMOVED: i64 = 100_000;

/// How long a host without a certificate waits for approval.
pub(in crate::store) const PENDING_KEPT: UnixMillis = 30 * fleet::DAY;

/// Makes the error where there are [`MAX_HOSTS`].
pub(in crate::store) fn too_many_hosts() -> StoreError {
    StoreError::Conflict(format!(
        "there are {MAX_HOSTS} hosts, as many as one controller keeps; remove some"
    ))
}

/// Makes the error where [`MAX_BANNED_KEYS`] are banned.
pub(in crate::store) fn too_many_banned() -> StoreError {
    StoreError::Conflict(format!(
        "{MAX_BANNED_KEYS} keys are banned, as many as the controller keeps; remove the host \
         instead, and rotate the CA so that old certificates end"
    ))
}

/// Makes the error of a host that would have more than [`fleet::MAX_LABELS`].
pub(in crate::store) fn too_many_labels(host: &str) -> StoreError {
    let most = fleet::MAX_LABELS;
    StoreError::Conflict(format!(
        "host \"{host}\" would have more than {most} labels; remove some first"
    ))
}

/// Returns the name of a label's source in the database.
pub(in crate::store) const fn source_name(source: LabelSource) -> &'static str {
    match source {
        LabelSource::Fact => "fact",
        LabelSource::Token => "token",
        LabelSource::Operator => "operator",
    }
}

/// Returns the source of that name.
pub(in crate::store) fn source_named(name: &str) -> Option<LabelSource> {
    [LabelSource::Fact, LabelSource::Token, LabelSource::Operator]
        .into_iter()
        .find(|source| source_name(*source) == name)
}

/// A host's state without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StateName {
    /// It gets requests.
    Active,
    /// It waits for approval.
    Pending,
    /// It gets no request.
    Quarantined,
    /// It and its keys are refused.
    Banned,
}

impl StateName {
    /// Every state.
    pub(crate) const ALL: [Self; 4] =
        [Self::Active, Self::Pending, Self::Quarantined, Self::Banned];

    /// Returns the name of a state.
    pub(crate) const fn of(state: &HostState) -> Self {
        match state {
            HostState::Active => Self::Active,
            HostState::Pending(_) => Self::Pending,
            HostState::Quarantined(_) => Self::Quarantined,
            HostState::Banned => Self::Banned,
        }
    }

    /// Returns the name in the database and the API.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Quarantined => "quarantined",
            Self::Banned => "banned",
        }
    }

    /// Returns the state of that name.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }
}

/// How many hosts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostCounts {
    /// Hosts that get requests.
    pub(crate) active: u64,
    /// Hosts that wait for approval.
    pub(crate) pending: u64,
    /// Hosts that get no request.
    pub(crate) quarantined: u64,
    /// Hosts that are refused.
    pub(crate) banned: u64,
}

/// A label of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// The value.
    pub(crate) value: String,
    /// Who set it.
    pub(crate) source: LabelSource,
}

/// Labels to set and to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelChange {
    /// Labels to set.
    pub(crate) set: BTreeMap<LabelKey, LabelValue>,
    /// Keys to remove; one that the host does not have is skipped.
    pub(crate) remove: Vec<LabelKey>,
}

/// A stored host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostRow {
    /// Its identity: id, state, keys, certificate, machine, join token.
    pub(crate) identity: HostRecord,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, Label>,
    /// When it enrolled, or a host of a company's PKI was first seen.
    pub(crate) enrolled_at: UnixMillis,
    /// The address of its last channel.
    pub(crate) address: Option<SocketAddr>,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The host's boot when it was last seen.
    pub(crate) boot: Option<String>,
    /// The version of the CA bundle that it knows.
    pub(crate) ca_version: Option<u32>,
    /// When its last channel opened.
    pub(crate) connected_at: Option<UnixMillis>,
    /// When its last channel opened or ended.
    pub(crate) last_seen: Option<UnixMillis>,
    /// Why its last channel ended; none while one is open.
    pub(crate) departure: Option<Departure>,
}

/// Returns a host's labels without their sources, as selectors see them. A stored label that is none
/// is left out.
pub(crate) fn plain_labels(row: &HostRow) -> Labels {
    plain(&row.labels)
}

/// Returns labels as the rules want them.
pub(in crate::store) fn plain(labels: &BTreeMap<String, Label>) -> Labels {
    let pair = |(key, label): (&String, &Label)| {
        Some((LabelKey::new(key).ok()?, LabelValue::new(&label.value).ok()?))
    };
    labels.iter().filter_map(pair).collect()
}

/// Texts that are in use as keys or values of labels, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InUse {
    /// The texts.
    pub(crate) texts: Vec<String>,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// A page of hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostQuery {
    /// Only hosts that one of these selectors matches; `None` for every host.
    pub(crate) reach: Option<Vec<Selector>>,
    /// Only hosts that it matches.
    pub(crate) selector: Option<Selector>,
    /// Only hosts of this state.
    pub(crate) state: Option<StateName>,
    /// Only hosts with an id or hostname of which a part begins with this text, in any case. Parts
    /// begin at the start, behind a separator, and where digits begin.
    pub(crate) search: Option<String>,
    /// Only hosts with an id above this one.
    pub(crate) after: String,
    /// The most hosts of the page.
    pub(crate) limit: usize,
}
