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

impl Active {
    /// Tells those who send that nothing more is sent, once the rollout has decided so.
    pub(super) fn note_stop(&self) {
        if let Some((_, why)) = self.rollout.stopping() {
            self.brief.stop.get_or_init(|| why.into());
        }
    }
}
