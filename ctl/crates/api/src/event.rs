//! The audit log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;
use utoipa::{IntoParams, ToSchema};

/// The query of a page of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// The sequence number of the last event that the client knows; 0 starts with the first, or
    /// with the newest where these come first.
    pub after: u64,
    /// Whether the newest events come first.
    pub newest: bool,
    /// The most events in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// Only this operator's events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only events of this action, as in `commands.run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only events about this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only events from this time on: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: Option<String>,
    /// Only events from before this time: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until: Option<String>,
    /// Where there is no such event yet, how long to wait for one: seconds, at most
    /// 60.
    #[param(maximum = 60, default = 0)]
    pub wait: u64,
}

/// A page of events, in the order that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The events.
    pub events: Vec<Event>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One line of the audit log. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// The event's number. It grows with each event and is never reused.
    pub sequence: u64,
    /// When the controller began with it: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub time: String,
    /// Who acts: an operator's name, `host:ID`, `token:ID`, or `controller`.
    pub actor: String,
    /// The address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "10.0.0.9")]
    pub source: Option<IpAddr>,
    /// The action's name, as in `hosts.label`.
    pub action: String,
    /// The hosts that it concerns.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What else there is to say: how the operator proved who they are (`by`), the request, and
    /// what it asks for.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
    /// How it ended.
    pub outcome: EventOutcome,
    /// What there is to say of the outcome, as the HTTP `status` and a `message`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub outcome_detail: Map<String, Value>,
    /// When it ended: RFC 3339, UTC; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub ended: Option<String>,
    /// The digest of the event's first line, in hexadecimal; it covers all lines before.
    pub digest: String,
}

/// How an audited act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// It has not ended.
    Begun,
    /// It was done.
    Succeeded,
    /// The controller refused it: the operator may not do it.
    Refused,
    /// It failed.
    Failed,
    /// The controller ended before the act did, so nobody knows.
    Unknown,
}

/// The result of checking the whole audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventsVerified {
    /// Whether no event was changed, added or removed behind the controller's back.
    pub intact: bool,
    /// Lines that were checked: one for each event, and one for its end.
    pub lines: u64,
    /// The first event's number; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The last event's number; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// The digest after the last event, in hexadecimal: noted elsewhere, it proves later that all
    /// events up to here are still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The first event that does not fit, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}
