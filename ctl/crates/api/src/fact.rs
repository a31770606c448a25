//! Facts: what hosts answered to `getinfo.*`, now and at other times, and searches in the facts of
//! all hosts.

mod search;

pub use search::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// The query of a host's facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FactQuery {
    /// As they were at this time: RFC 3339. Without it, as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub at: Option<String>,
}

/// The facts of a host, without their contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostFacts {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// When the host last answered: RFC 3339, UTC; absent if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub asked: Option<String>,
    /// The facts, ordered by method.
    pub facts: Vec<FactState>,
}

/// One fact of a host within a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactState {
    /// The provider's method.
    #[schema(example = "getinfo.os")]
    pub method: String,
    /// Whether the host has the provider.
    pub present: bool,
    /// Since when it has been so: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: String,
    /// Until when it was so: RFC 3339, UTC; absent if it is so now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until: Option<String>,
    /// SHA-256 of the document: hosts with the same one have the same facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Bytes of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Since when the provider has failed; the document is the last one before. RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub failed_since: Option<String>,
    /// Why the provider fails: the agent's sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One fact of a host, with its content.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// Which fact it is, and of which time.
    pub state: FactState,
    /// When the answer in `data` came, with the values that always differ, as counters and free
    /// memory: RFC 3339, UTC. Absent for a document, which is without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub answered: Option<String>,
    /// What the provider answered; absent if the host lacks the provider, or it has only failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<Box<RawValue>>,
}

/// The JSON Schema of a fact: how the host's own provider describes its answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FactSchema {
    /// The provider's method.
    #[schema(example = "getinfo.os")]
    pub method: String,
    /// Since when the host's provider has described its answer so: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: String,
    /// The schema; null if the provider has none.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Box<RawValue>>,
}

/// The query of a page of the log of changes of all facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostChangesQuery {
    /// The most changes in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of the log of changes of all facts of a host, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostChanges {
    /// The states, each since its change.
    pub changes: Vec<FactState>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The query of a page of the log of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FactChangesQuery {
    /// The most changes in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
}

/// A page of the log of changes of a fact, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactChanges {
    /// The states, each since its change.
    pub changes: Vec<FactState>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// The query of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FactDiffQuery {
    /// A host, or `HOST@TIME` for its facts at that time.
    #[param(example = "web-1.example@2026-01-31T09:30:00Z")]
    pub from: String,
    /// The other host, or the same one at another time.
    #[param(example = "web-1.example")]
    pub to: String,
    /// The provider; `getinfo.` may be left out.
    #[param(example = "packages")]
    pub method: String,
}

/// The difference of two facts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FactDiff {
    /// The provider's method.
    #[schema(example = "getinfo.packages")]
    pub method: String,
    /// JSON Patch (RFC 6902): what makes the second document of the first.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub patch: Box<RawValue>,
    /// The same for people: a line for each thing that differs.
    pub lines: Vec<FactLine>,
    /// Whether there are more lines.
    pub truncated: bool,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactLine {
    /// What became of it.
    pub change: FactChange,
    /// Where it is: names of members, and of elements in brackets.
    #[schema(example = "packages[openssl].version")]
    pub path: String,
    /// The value before; absent where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// The value after; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FactChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another one.
    Changed,
}

/// What a refresh found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactRefresh {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// Methods whose facts are others than before.
    pub changed: Vec<String>,
    /// Methods that the host has no provider for.
    pub absent: Vec<String>,
    /// Methods whose provider failed.
    pub failed: Vec<FactFailure>,
}

/// A provider that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactFailure {
    /// The provider's method.
    #[schema(example = "getinfo.os")]
    pub method: String,
    /// The agent's sentence.
    pub problem: String,
}
