//! Searches in the facts of all hosts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// A search by content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactSearch {
    /// A JSONPath (RFC 9535) within a provider's document, whose first name names the provider; or
    /// the provider and the rest of the path, as in `network.interfaces[0].mac`.
    #[schema(example = "$.packages[?@.name==\"openssl\"]")]
    pub path: String,
    /// The provider, where the path does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only hosts with matching labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "env=prod")]
    pub selector: Option<String>,
    /// The most hosts in the page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of the hosts that a search found, ordered by id.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FactMatches {
    /// The hosts.
    pub hosts: Vec<FactMatch>,
    /// The next page's `after`; absent at the end. A page may be short, or empty, and yet have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Documents that were searched: hosts that are alike share theirs.
    pub documents: u64,
}

/// A host that a search found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FactMatch {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// How many places of its document the path leads to.
    pub count: u64,
    /// The first of their values.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub values: Vec<Box<RawValue>>,
}

/// The query of counts by value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FactCountQuery {
    /// As the path of a search; or the key of a label from facts, as `os.version_id`.
    #[param(example = "os.version_id")]
    pub path: String,
    /// The provider, where the path does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only hosts with matching labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

/// How many hosts have which value.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FactCounts {
    /// The values, the most frequent first; at most 1000.
    pub counts: Vec<FactCount>,
    /// Hosts whose document has nothing there, or that lack the provider.
    pub without: u64,
    /// Values that are left out.
    pub more: u64,
}

/// A value, and how many hosts have it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FactCount {
    /// The value.
    #[schema(value_type = serde_json::Value)]
    pub value: Box<RawValue>,
    /// The hosts.
    pub hosts: u64,
}

/// The query of hosts by an installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PackageQuery {
    /// The package's name.
    #[param(example = "openssl")]
    pub name: String,
    /// Only versions before this one, as the package's manager orders them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(example = "3.0.14")]
    pub below: Option<String>,
    /// Only versions after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<String>,
    /// Only this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Only hosts with matching labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The most hosts in the page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of hosts with a package, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageHosts {
    /// The hosts.
    pub hosts: Vec<HostPackages>,
    /// The next page's `after`; absent at the end. A page may be short, or empty, and yet have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A host, and its installed versions of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostPackages {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// The versions.
    pub versions: Vec<PackageVersion>,
}

/// An installed version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct PackageVersion {
    /// The package manager: `dpkg`, `rpm` or `apk`.
    #[schema(example = "dpkg")]
    pub manager: String,
    /// The version.
    #[schema(example = "3.0.11-1~deb12u2")]
    pub version: String,
}

/// The query of hosts by a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ServiceQuery {
    /// The service's name.
    #[param(example = "ssh.service")]
    pub name: String,
    /// Only in this state, in systemctl's words: `enabled`, `disabled`, `masked`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(example = "enabled")]
    pub state: Option<String>,
    /// Only hosts with matching labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The most hosts in the page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of hosts with a service, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceHosts {
    /// The hosts.
    pub hosts: Vec<HostService>,
    /// The next page's `after`; absent at the end. A page may be short, or empty, and yet have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A host, and the states of a service there: one for each manager that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostService {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// The states.
    pub states: Vec<String>,
}

/// The query of hosts by the end of their certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CertificateQuery {
    /// Only certificates that expire before this time: RFC 3339.
    #[param(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub before: String,
    /// Only certificates that expire at this time or later: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime, example = "2026-01-01T00:00:00Z")]
    pub since: Option<String>,
    /// Only hosts with matching labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The most hosts in the page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of hosts with certificates that expire, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateHosts {
    /// The hosts.
    pub hosts: Vec<HostCertificates>,
    /// The next page's `after`; absent at the end. A page may be short, or empty, and yet have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A host, and its certificates that expire then, the first ones first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCertificates {
    /// The host's id.
    #[schema(example = "web-1.example")]
    pub host: String,
    /// The certificates.
    pub certificates: Vec<ExpiringCertificate>,
}

/// A certificate in a host's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct ExpiringCertificate {
    /// When it expires: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub not_after: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its subject.
    #[schema(example = "CN=www.example")]
    pub subject: String,
}
