//! The fleet as a whole: its numbers, its trend, the labels in use, and changes of many hosts.

use crate::{Host, HostState, LabelChange};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Hosts that one change of many may concern.
pub const MAX_CHANGED_HOSTS: usize = 10_000;

/// Hosts that are counted exactly.
pub const MAX_COUNTED_HOSTS: usize = 10_000;

/// Hosts of an answer about those that joined last.
pub const MAX_ARRIVALS: usize = 100;

/// Hours of a trend.
pub const MAX_TREND_HOURS: u32 = 192;

/// The fleet in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fleet {
    /// The hosts that the caller may see.
    pub hosts: FleetHosts,
    /// The hosts' certificates that end soon; absent unless the caller may see every host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<FleetCertificates>,
}

/// How many hosts there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetHosts {
    /// All of them.
    pub all: u64,
    /// Active hosts that are connected.
    pub online: u64,
    /// Active hosts that are not connected.
    pub away: u64,
    /// Hosts that wait for approval.
    pub pending: u64,
    /// Hosts that get no request.
    pub quarantined: u64,
    /// Hosts whose keys are refused.
    pub banned: u64,
    /// Whether there are more: of an operator who may not see every host, 20,000 are looked at.
    #[serde(default)]
    pub more: bool,
}

/// How many hosts need a new certificate. A host that is online renews its own at half of its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetCertificates {
    /// Hosts whose certificate has ended.
    pub ended: u64,
    /// Hosts whose certificate ends within a day.
    pub within_a_day: u64,
}

/// The query of the trend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrendQuery {
    /// The last hours, 1 to 192.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 192, default = 24)]
    pub hours: Option<u32>,
}

/// Samples of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trend {
    /// Seconds between two samples. Where more lie between two, the controller was down.
    pub every_seconds: u32,
    /// Where the trend begins: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00.000Z")]
    pub from: String,
    /// Where it ends: now.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00.000Z")]
    pub to: String,
    /// The samples, in order.
    pub samples: Vec<TrendSample>,
}

/// The fleet at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrendSample {
    /// The time: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00.000Z")]
    pub at: String,
    /// Active hosts that were connected.
    pub online: u64,
    /// Active hosts that were not connected.
    pub away: u64,
    /// Hosts that waited for approval.
    pub pending: u64,
    /// Hosts that got no request.
    pub quarantined: u64,
    /// Hosts on which a run failed since the sample before.
    pub failures: u64,
}

/// The query of the hosts that joined last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ArrivalsQuery {
    /// Only hosts that the join token with this id admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "4g1k7m9p2q5r")]
    pub token: Option<String>,
    /// The most hosts of the answer, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<usize>,
}

/// The hosts that joined last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Arrivals {
    /// The hosts, the newest first.
    pub hosts: Vec<Host>,
}

/// Hosts whose identity several connected machines use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClonedHosts {
    /// The hosts, ordered by id; at most 100.
    pub hosts: Vec<Host>,
    /// Whether there are more.
    pub more: bool,
}

/// The query of a count of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostCountQuery {
    /// Only hosts with matching labels, as in `env=prod,role in (web,db),!legacy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "env=prod,role in (web,db)")]
    pub selector: Option<String>,
    /// Only hosts of which a part of the id or hostname begins so; see the list of hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only hosts in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<HostState>,
    /// Only hosts that are connected now, or only those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// Where to stop counting, 1 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 10000, default = 10000)]
    pub up_to: Option<usize>,
}

/// How many hosts match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCount {
    /// The hosts; exact up to the bound of the query.
    pub hosts: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// The query of the labels in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LabelsQuery {
    /// The beginning of a term of a selector, as `o`, `!leg`, `os.id=deb` or `env!=p`.
    #[param(example = "env=p")]
    pub q: String,
}

/// Terms of selectors that some hosts match, or do not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabelsInUse {
    /// The terms that begin as the query says, in order; at most 50. They end with the key unless
    /// the query goes on to the value.
    pub items: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

/// A change of many hosts: of those that are listed, or of those that match. It sets and removes
/// labels, or removes the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostsChange {
    /// These hosts; at most 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// Or those with matching labels; an empty selector means every host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "env=prod")]
    pub selector: Option<String>,
    /// Of the matching, those of which a part of the id or hostname begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Of the matching, those in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<HostState>,
    /// Of the matching, those that are connected now, or those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// Labels to set and to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelChange>,
    /// Or whether to remove the hosts, which may join again.
    pub remove: bool,
    /// Whether nothing is to be changed yet: the answer says what would be.
    pub preview: bool,
    /// The number of hosts that a preview said: where it is another one by now, nothing is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<u64>,
}

/// What a change of many hosts came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostsChanged {
    /// The hosts that it concerns: those that the caller's roles allow it on.
    pub hosts: u64,
    /// Hosts that match and that the caller may see, but not change so.
    pub not_allowed: u64,
    /// The first hosts that it concerns.
    pub first: Vec<String>,
    /// The hosts that were changed; 0 for a preview.
    pub changed: u64,
    /// Some of the hosts that could not be changed.
    pub failed: Vec<NotChanged>,
}

/// A host that could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotChanged {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// Why, in a sentence.
    pub why: String,
}
