//! The hosts that are connected now: one session each, the newest.

use crate::agents::Session;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

/// Host id → session.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Mutex<HashMap<String, Arc<Session>>>);

impl Hosts {
    /// Enters a session. An older one of the same host is told to close and given back.
    pub(crate) fn enter(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        let older = self.lock().insert(session.id.clone(), Arc::clone(session))?;
        older.close();
        Some(older)
    }

    /// Takes a session that has ended out, unless a newer one has its place.
    pub(crate) fn leave(&self, session: &Arc<Session>) {
        let mut hosts = self.lock();
        if hosts.get(&session.id).is_some_and(|found| Arc::ptr_eq(found, session)) {
            hosts.remove(&session.id);
        }
    }

    /// The session of a host.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().get(id).cloned()
    }

    /// Every session, by host id.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        // Every change is one call on the map: it is whole, whatever panicked.
        self.0.lock()
    }
}
