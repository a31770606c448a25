//! The controller's own CA and its rotation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of the CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaStatus {
    /// The roots that hosts trust.
    pub roots: Vec<CaCertificate>,
    /// The CA that signs hosts' certificates now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuing: Option<CaCertificate>,
    /// The certificate that the controller presents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<CaCertificate>,
    /// The pin of the CA in join lines (`sha256:…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The version of the bundle of roots that hosts should have.
    pub bundle_version: u64,
    /// Where a rotation stands.
    pub rotation: RotationState,
    /// The step that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<RotationStep>,
    /// Hosts seen in the last 30 days.
    pub hosts: u64,
    /// How many of these have done what the next step requires.
    pub hosts_ready: u64,
    /// Some of the hosts that have not, by id: at most 100.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// A certificate of the CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaCertificate {
    /// The subject's common name.
    pub subject: String,
    /// The SHA-256 of its DER form, in hexadecimal.
    pub fingerprint: String,
    /// When it becomes valid: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub not_before: String,
    /// When it expires: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub not_after: String,
}

/// Where a rotation of the CA stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationState {
    /// No rotation is in progress.
    None,
    /// A new root exists; hosts receive it.
    Initiated,
    /// The new CA signs; hosts renew their certificates.
    Issuing,
}

/// A step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationStep {
    /// Makes the new root and sends it to every host.
    Init,
    /// Signs with the new CA from now on.
    Issue,
    /// Removes the old root.
    Retire,
    /// Goes back to the old root.
    Abort,
}

/// A request for a step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationRequest {
    /// The step.
    pub step: RotationStep,
    /// Whether to take the step though fewer hosts than required are ready.
    #[serde(default)]
    pub force: bool,
}
