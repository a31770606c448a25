//! The connected hosts: one session each that serves the host, and those of its clones.

use super::elsewhere::Elsewhere;
use super::peer::Restriction;
use super::post::{Post, Query};
use super::reach::{self, Reach};
use super::reply::NoReply;
use super::session::{CloseReason, Session};
use crate::store::Moves;
use fleet::Digest;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::broadcast;

/// Sessions of one host's clones; an operator needs to see some of them.
const MAX_CLONES: usize = 4;

/// Notices that a receiver may be behind.
const MAX_BEHIND: usize = 8192;

/// The sessions by host id.
#[derive(Debug)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<String, Sessions>>,
    /// The hosts of other nodes.
    elsewhere: Elsewhere,
    /// The way to them; never set where the controller is the only one.
    post: OnceLock<Arc<Post>>,
    notices: broadcast::Sender<Notice>,
}

/// A session that serves a host has come, or gets requests again after a quarantine, or the last one
/// has gone. What is true now, [`Registry::find`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The host.
    pub(crate) host: Arc<str>,
    /// Whether it came.
    pub(crate) came: bool,
}

/// The sessions of one host; at least one.
#[derive(Debug, Default)]
struct Sessions {
    serving: Option<Arc<Session>>,
    /// On the heap, and only where there are any.
    clones: Vec<Arc<Session>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            sessions: Mutex::default(),
            elsewhere: Elsewhere::default(),
            post: OnceLock::new(),
            notices: broadcast::Sender::new(MAX_BEHIND),
        }
    }
}

impl Registry {
    /// Returns who comes and goes from now on. A receiver that lags must look at each host.
    pub(crate) fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    fn notify(&self, host: &str, came: bool) {
        if self.notices.receiver_count() > 0 {
            // The receiver may have gone meanwhile.
            let _ = self.notices.send(Notice { host: host.into(), came });
        }
    }

    /// Enters the session that serves its host from now on. Closes the one before it, if there is
    /// one, and returns it.
    pub(super) fn enter(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        let mut sessions = self.sessions.lock();
        let host = sessions.entry(session.host.clone()).or_default();
        let older = host.serving.replace(Arc::clone(session));
        drop(sessions);
        if let Some(older) = &older {
            older.close();
        }
        self.notify(&session.host, true);
        older
    }

    /// Enters the session of a clone, which must be restricted. Returns `false` when the host has
    /// too many of them.
    pub(super) fn enter_clone(&self, session: &Arc<Session>) -> bool {
        let mut sessions = self.sessions.lock();
        let host = sessions.entry(session.host.clone()).or_default();
        let fits = host.clones.len() < MAX_CLONES;
        if fits {
            host.clones.push(Arc::clone(session));
        }
        fits
    }

    /// Returns whether a session is the one that serves its host.
    pub(super) fn serves(&self, session: &Arc<Session>) -> bool {
        self.find(&session.host).is_some_and(|serving| Arc::ptr_eq(&serving, session))
    }

    /// Removes a session that has ended.
    pub(super) fn leave(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions.lock();
        let Some(host) = sessions.get_mut(&session.host) else { return };
        let served = host.serving.take_if(|found| Arc::ptr_eq(found, session)).is_some();
        host.clones.retain(|found| !Arc::ptr_eq(found, session));
        if host.serving.is_none() && host.clones.is_empty() {
            sessions.remove(&session.host);
        }
        drop(sessions);
        if served {
            self.notify(&session.host, false);
        }
    }

    /// Returns the session that serves a host.
    pub(crate) fn find(&self, host: &str) -> Option<Arc<Session>> {
        self.sessions.lock().get(host)?.serving.clone()
    }

    /// Returns the way to a host's agent, wherever its channel is; `None` where it has none.
    pub(crate) fn reach(&self, host: &str) -> Option<Reach> {
        if let Some(session) = self.find(host) {
            return Some(Reach::Here(session));
        }
        let (post, node) = (Arc::clone(self.post.get()?), self.elsewhere.node_of(host)?);
        Some(Reach::Elsewhere(reach::Elsewhere { post, host: host.to_owned(), node }))
    }

    /// Returns whether a host has a channel that is not a clone's, here or elsewhere.
    pub(crate) fn is_connected(&self, host: &str) -> bool {
        self.elsewhere.node_of(host).is_some() || self.find(host).is_some()
    }

    /// Returns the other node that has a host; `None` where it is here, or nowhere.
    pub(crate) fn node_of(&self, host: &str) -> Option<i32> {
        self.elsewhere.node_of(host).filter(|_| self.find(host).is_none())
    }

    /// Asks another node, as [`Post::query`].
    ///
    /// # Errors
    /// Why there is no answer that can be read.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        node: i32,
        query: Query,
        wait: Duration,
    ) -> Result<T, NoReply> {
        let post = self.post.get().ok_or(NoReply::Disconnected)?;
        post.query(node, query, wait).await
    }

    /// Lets hosts of other nodes be reached.
    pub(crate) fn reach_others_by(&self, post: Arc<Post>) {
        // It is set once, at the start.
        let _ = self.post.set(post);
    }

    /// Follows hosts that come to other nodes than this one, or leave them. Returns those that are here,
    /// though another node has just said that they are nowhere: it had them before.
    pub(crate) fn follow(&self, moves: &Moves, own: i32) -> Vec<String> {
        self.heard(self.elsewhere.follow(moves, own));
        if let Some(post) = self.post.get() {
            moves.emptied.iter().for_each(|node| post.node_has_gone(*node));
        }
        let left = moves.places.iter().filter(|place| place.from != own && !place.is_there);
        let here = left.filter(|place| self.find(&place.host).is_some());
        here.map(|place| place.host.clone()).collect()
    }

    /// Takes the hosts of other nodes, as they were read.
    pub(crate) fn others_have(&self, places: Vec<(String, i32)>) {
        self.heard(self.elsewhere.are(places));
    }

    fn heard(&self, changes: Vec<(Arc<str>, bool)>) {
        for (host, came) in changes {
            // One that has moved here has not gone.
            if came || self.find(&host).is_none() {
                self.notify(&host, came);
            }
        }
    }

    /// Returns the sessions of a host's clones.
    pub(crate) fn clones(&self, host: &str) -> Vec<Arc<Session>> {
        self.sessions.lock().get(host).map(|found| found.clones.clone()).unwrap_or_default()
    }

    /// Returns the hosts that have sessions of clones.
    pub(crate) fn cloned(&self) -> Vec<String> {
        let sessions = self.sessions.lock();
        let cloned = sessions.iter().filter(|(_, host)| !host.clones.is_empty());
        cloned.map(|(id, _)| id.clone()).collect()
    }

    /// Returns the number of sessions of clones.
    pub(crate) fn count_clones(&self) -> usize {
        self.sessions.lock().values().map(|host| host.clones.len()).sum()
    }

    /// Returns the number of hosts that are connected here.
    pub(crate) fn count(&self) -> usize {
        self.sessions.lock().len()
    }

    /// Returns the number of hosts that are connected here or elsewhere.
    pub(crate) fn count_everywhere(&self) -> usize {
        self.count() + self.elsewhere.count()
    }

    /// Returns the hosts that are connected, here or elsewhere.
    pub(crate) fn connected_hosts(&self) -> BTreeSet<Arc<str>> {
        let mut hosts: BTreeSet<Arc<str>> = self.elsewhere.all().into_iter().collect();
        let sessions = self.sessions.lock();
        let here = sessions.iter().filter(|(_, host)| host.serving.is_some());
        hosts.extend(here.map(|(id, _)| Arc::from(id.as_str())));
        hosts
    }

    /// Returns the number of connected hosts that get requests.
    pub(crate) fn online(&self) -> usize {
        let sessions = self.sessions.lock();
        let serving = sessions.values().filter_map(|host| host.serving.as_ref());
        serving.filter(|session| session.restriction().is_none()).count()
    }

    /// Returns the number of connected hosts that get requests, with all of other nodes.
    pub(crate) fn online_everywhere(&self) -> usize {
        self.online() + self.elsewhere.count()
    }

    /// Returns every session that serves a host, ordered by host id.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let sessions = self.sessions.lock();
        let mut all: Vec<_> = sessions.values().filter_map(|host| host.serving.clone()).collect();
        drop(sessions);
        all.sort_unstable_by(|a, b| a.host.cmp(&b.host));
        all
    }

    /// Returns every session.
    pub(crate) fn everyone(&self) -> Vec<Arc<Session>> {
        let sessions = self.sessions.lock();
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

    /// Ends the sessions of a host's copies, which have this key.
    pub(super) fn revoke_key(&self, host: &str, key: Digest) {
        for session in self.of(host).into_iter().filter(|session| session.key == key) {
            session.close_because(CloseReason::Revoked);
        }
    }

    /// Begins or ends a time in which a host gets no request. Its clones stay restricted. After its
    /// end the host counts as one that has just come: whoever wants something of it asks now.
    pub(super) fn restrict(&self, host: &str, restriction: Option<&Restriction>) {
        let Some(session) = self.find(host) else { return };
        let was_restricted = session.restriction().is_some();
        session.restrict(restriction.cloned());
        if was_restricted && restriction.is_none() {
            self.notify(host, true);
        }
    }

    /// Returns every session of a host that is here.
    pub(super) fn of(&self, host: &str) -> Vec<Arc<Session>> {
        let mut all = self.clones(host);
        all.extend(self.find(host));
        all
    }
}
