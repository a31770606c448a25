//! What a monitor hears of the controller.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The state that was asked for.
    pub status: HealthStatus,
}

/// The states of a controller that is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It runs.
    Ok,
    /// It can do all of its work.
    Ready,
}
