//! The connected hosts: one session each, the newest.

use super::session::Session;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The sessions by host id.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<String, Arc<Session>>>);

impl Registry {
    /// Enters a session. Closes the host's older session, if there is one, and returns it.
    pub(super) fn enter(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        let older = self.0.lock().insert(session.host.clone(), Arc::clone(session))?;
        older.close();
        Some(older)
    }

    /// Removes a session that has ended, unless a newer one has taken its place.
    pub(super) fn leave(&self, session: &Arc<Session>) {
        let mut sessions = self.0.lock();
        if sessions.get(&session.host).is_some_and(|found| Arc::ptr_eq(found, session)) {
            sessions.remove(&session.host);
        }
    }

    /// Returns the session of a host.
    pub(crate) fn find(&self, host: &str) -> Option<Arc<Session>> {
        self.0.lock().get(host).cloned()
    }

    /// Returns every session, ordered by host id.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.0.lock().values().cloned().collect();
        all.sort_unstable_by(|a, b| a.host.cmp(&b.host));
        all
    }
}
