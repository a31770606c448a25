//! One active run.

use super::dispatch::Brief;
use fleet::run::Rollout;
use std::sync::Arc;

/// A run on its way.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) rollout: Rollout,
    /// The hosts by position.
    pub(super) hosts: Vec<Arc<str>>,
    /// What each request needs.
    pub(super) brief: Arc<Brief>,
}
