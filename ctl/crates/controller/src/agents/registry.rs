//! The connected hosts: one session each that serves the host, and those of its clones.

use super::peer::Restriction;
use super::session::{CloseReason, Session};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Sessions of one host's clones; an operator needs to see some of them.
const MAX_CLONES: usize = 4;

/// The sessions by host id.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<String, Sessions>>);

/// The sessions of one host; at least one.
#[derive(Debug, Default)]
struct Sessions {
    serving: Option<Arc<Session>>,
    /// On the heap, and only where there are any.
    clones: Vec<Arc<Session>>,
}

impl Registry {
    /// Enters the session that serves its host from now on. Closes the one before it, if there is
    /// one, and returns it.
    pub(super) fn enter(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        let mut sessions = self.0.lock();
        let host = sessions.entry(session.host.clone()).or_default();
        let older = host.serving.replace(Arc::clone(session))?;
        drop(sessions);
        older.close();
        Some(older)
    }

    /// Enters the session of a clone, which must be restricted. Returns `false` when the host has
    /// too many of them.
    pub(super) fn enter_clone(&self, session: &Arc<Session>) -> bool {
        let mut sessions = self.0.lock();
        let host = sessions.entry(session.host.clone()).or_default();
        let fits = host.clones.len() < MAX_CLONES;
        if fits {
            host.clones.push(Arc::clone(session));
        }
        fits
    }

    /// Removes a session that has ended.
    pub(super) fn leave(&self, session: &Arc<Session>) {
        let mut sessions = self.0.lock();
        let Some(host) = sessions.get_mut(&session.host) else { return };
        host.serving.take_if(|found| Arc::ptr_eq(found, session));
        host.clones.retain(|found| !Arc::ptr_eq(found, session));
        if host.serving.is_none() && host.clones.is_empty() {
            sessions.remove(&session.host);
        }
    }

    /// Returns the session that serves a host.
    pub(crate) fn find(&self, host: &str) -> Option<Arc<Session>> {
        self.0.lock().get(host)?.serving.clone()
    }

    /// Returns the sessions of a host's clones.
    pub(crate) fn clones(&self, host: &str) -> Vec<Arc<Session>> {
        self.0.lock().get(host).map(|found| found.clones.clone()).unwrap_or_default()
    }

    /// Returns the number of connected hosts.
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Returns every session that serves a host, ordered by host id.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let sessions = self.0.lock();
        let mut all: Vec<_> = sessions.values().filter_map(|host| host.serving.clone()).collect();
        drop(sessions);
        all.sort_unstable_by(|a, b| a.host.cmp(&b.host));
        all
    }

    /// Returns every session.
    pub(crate) fn everyone(&self) -> Vec<Arc<Session>> {
        let sessions = self.0.lock();
        sessions
            .values()
            .flat_map(|host| host.serving.iter().chain(&host.clones))
            .cloned()
            .collect()
    }

    /// Ends every session of a host that may not be connected anymore.
    pub(super) fn revoke(&self, host: &str) {
        for session in self.of(host) {
            session.close_because(CloseReason::Revoked);
        }
    }

    /// Begins or ends a time in which a host gets no request. Its clones stay restricted.
    pub(super) fn restrict(&self, host: &str, restriction: Option<&Restriction>) {
        if let Some(session) = self.find(host) {
            session.restrict(restriction.cloned());
        }
    }

    fn of(&self, host: &str) -> Vec<Arc<Session>> {
        let mut all = self.clones(host);
        all.extend(self.find(host));
        all
    }
}
