//! What is known of the hosts' presence and waits to be written.

use super::NewChannel;
use controller_api::Departure;
use fleet::UnixMillis;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest time that what is known of a host waits to be written.
const DELAY: Duration = Duration::from_secs(1);

/// The time between two tries while the disk takes nothing.
const RETRY: Duration = Duration::from_secs(10);

/// What hosts said when they connected, and when they left, on its way to the disk: the store
/// writes it once a second, or when somebody reads it. A fleet that comes back would otherwise cost
/// two changes a host.
///
/// There is one entry a host, so this is no larger than the table.
#[derive(Debug, Default)]
pub(in crate::store) struct Unwritten(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<String, Seen>,
    /// What the transaction in progress writes.
    writing: BTreeMap<String, Seen>,
    /// When to write; `None` if there is nothing.
    due: Option<Instant>,
}

/// What is known of one host.
#[derive(Debug, Default)]
pub(in crate::store) struct Seen {
    pub(in crate::store) said: Option<Said>,
    pub(in crate::store) ca_version: Option<u32>,
    pub(in crate::store) last_seen: Option<UnixMillis>,
    pub(in crate::store) departure: Option<Departure>,
    /// Whether its channel has come to this node or, if `false`, gone from it.
    pub(in crate::store) is_here: Option<bool>,
}

/// What a host said when it connected.
#[derive(Debug)]
pub(in crate::store) struct Said {
    pub(in crate::store) address: SocketAddr,
    pub(in crate::store) version: Option<String>,
    pub(in crate::store) boot: Option<String>,
    pub(in crate::store) at: UnixMillis,
}

impl Unwritten {
    /// Notes what a host said when it connected; returns whether the writer has to know.
    pub(in crate::store) fn connected(&self, channel: &NewChannel) -> bool {
        let NewChannel { host, address, version, boot, ca_version, now, .. } = channel;
        let said =
            Said { address: *address, version: version.clone(), boot: boot.clone(), at: *now };
        let (ca_version, last_seen) = (*ca_version, Some(*now));
        self.0.lock().note(host, |known| {
            let is_here = known.is_here;
            *known = Seen { said: Some(said), ca_version, last_seen, departure: None, is_here };
        })
    }

    /// Notes that a host's channel is here; returns whether the writer has to know.
    pub(in crate::store) fn is_here(&self, host: &str) -> bool {
        self.0.lock().note(host, |known| known.is_here = Some(true))
    }

    /// Notes that a host's channel has ended; returns whether the writer has to know.
    pub(in crate::store) fn disconnected(
        &self,
        host: &str,
        why: Option<Departure>,
        at: UnixMillis,
    ) -> bool {
        self.0.lock().note(host, |known| {
            known.last_seen = known.last_seen.max(Some(at));
            known.departure = why.or(known.departure);
            if why.is_some() {
                known.is_here = Some(false);
            }
        })
    }

    /// Notes that a host trusts this version of the CA bundle; returns whether the writer has to
    /// know.
    pub(in crate::store) fn trusts(&self, host: &str, version: u32) -> bool {
        self.0.lock().note(host, |known| known.ca_version = known.ca_version.max(Some(version)))
    }

    /// Returns whether anything is not on disk yet.
    pub(in crate::store) fn is_any(&self) -> bool {
        let state = self.0.lock();
        !state.waiting.is_empty() || !state.writing.is_empty()
    }

    /// Returns when to write.
    pub(in crate::store) fn due(&self) -> Option<Instant> {
        self.0.lock().due
    }

    /// Hands out everything, to be written within a transaction. Give it back by [`Unwritten::end`],
    /// then call [`Unwritten::committed`] or [`Unwritten::rolled_back`].
    pub(in crate::store) fn begin(&self) -> BTreeMap<String, Seen> {
        let mut state = self.0.lock();
        let waiting = std::mem::take(&mut state.waiting);
        state.keep(waiting);
        std::mem::take(&mut state.writing)
    }

    /// Takes back what was handed out.
    pub(in crate::store) fn end(&self, writing: BTreeMap<String, Seen>) {
        self.0.lock().writing = writing;
    }

    /// The transaction is on disk.
    pub(in crate::store) fn committed(&self) {
        let mut state = self.0.lock();
        if state.writing.is_empty() {
            return;
        }
        state.writing.clear();
        state.due = (!state.waiting.is_empty()).then(|| Instant::now() + DELAY);
    }

    /// The transaction was rolled back.
    pub(in crate::store) fn rolled_back(&self) {
        let mut state = self.0.lock();
        if !state.writing.is_empty() {
            let waiting = std::mem::take(&mut state.waiting);
            state.keep(waiting);
            state.waiting = std::mem::take(&mut state.writing);
        }
        state.due = (!state.waiting.is_empty()).then(|| Instant::now() + RETRY);
    }
}

impl State {
    /// Changes what is known of a host; returns whether nothing was to be written before.
    fn note(&mut self, host: &str, change: impl FnOnce(&mut Seen)) -> bool {
        match self.waiting.get_mut(host) {
            Some(known) => change(known),
            None => change(self.waiting.entry(host.to_owned()).or_default()),
        }
        let is_first = self.due.is_none();
        self.due.get_or_insert_with(|| Instant::now() + DELAY);
        is_first
    }

    /// Adds what came later to what is being written.
    fn keep(&mut self, later: BTreeMap<String, Seen>) {
        if self.writing.is_empty() {
            self.writing = later;
            return;
        }
        for (host, later) in later {
            let known = self.writing.entry(host).or_default();
            let is_here = later.is_here.or(known.is_here);
            if later.said.is_some() {
                *known = Seen { is_here, ..later };
            } else {
                known.is_here = is_here;
                known.ca_version = known.ca_version.max(later.ca_version);
                known.last_seen = known.last_seen.max(later.last_seen);
                known.departure = later.departure.or(known.departure);
            }
        }
    }
}
