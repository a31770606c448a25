//! Hosts that were let in, by what they proved: one that comes back with the same proof needs no
//! look at its record, unless that has changed.
//!
//! A store notes a host when its record says so, and forgets it with each change of the record. When
//! a transaction fails, everything is forgotten: what was noted may be part of it, and while the
//! database does not answer nobody is let in because of this.

use super::ChannelProof;
use fleet::identity::Connection;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The hosts; only those that exist, so no more than the table has.
#[derive(Debug, Default)]
pub(in crate::store) struct Judged(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: HashMap<Box<str>, (ChannelProof, Connection)>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// A moment before a record is read.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Moment(u64);

impl Judged {
    /// Returns what the record says of a host with this proof, if that is known.
    pub(in crate::store) fn find(&self, host: &str, proof: &ChannelProof) -> Option<Connection> {
        let state = self.0.lock();
        state.known.get(host).filter(|(of, _)| of == proof).map(|(_, connection)| *connection)
    }

    /// Notes what the record says, which nobody can change before this is noted.
    pub(in crate::store) fn note(&self, host: &str, proof: ChannelProof, connection: Connection) {
        self.0.lock().known.insert(host.into(), (proof, connection));
    }

    /// Returns the present moment. Call this before a record is read that others may change.
    pub(in crate::store) fn moment(&self) -> Moment {
        Moment(self.0.lock().forgotten)
    }

    /// Notes what a record said that was read after `moment`, unless some record has changed since.
    pub(in crate::store) fn note_since(
        &self,
        moment: Moment,
        host: &str,
        proof: ChannelProof,
        connection: Connection,
    ) {
        let mut state = self.0.lock();
        if state.forgotten == moment.0 {
            state.known.insert(host.into(), (proof, connection));
        }
    }

    /// Forgets a host whose record changes.
    pub(in crate::store) fn forget(&self, host: &str) {
        let mut state = self.0.lock();
        state.known.remove(host);
        state.forgotten += 1;
    }

    /// Forgets all hosts.
    pub(in crate::store) fn forget_all(&self) {
        let mut state = self.0.lock();
        state.known.clear();
        state.forgotten += 1;
    }
}
