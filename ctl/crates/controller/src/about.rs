//! What is said of this process once it has started: where it listens, and what it keeps.

use crate::facts::Settings as FactSettings;
use crate::identity::IdentitySettings;
use crate::store::Bounds;
use std::time::SystemTime;

/// What does not change while the process runs.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// When it started.
    pub(crate) started: SystemTime,
    /// The addresses where agents connect.
    pub(crate) listen: Vec<String>,
    /// The URL of the API.
    pub(crate) http: String,
    /// The bounds of the database.
    pub(crate) bounds: Bounds,
    /// How hosts are known.
    pub(crate) identity: IdentitySettings,
    /// Which facts are collected, and when.
    pub(crate) facts: FactSettings,
}
