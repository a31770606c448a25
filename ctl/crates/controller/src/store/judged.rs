//! Hosts that were let in, by what they proved: one that comes back with the same proof needs no
//! look at its record, unless that has changed.
//!
//! The writer notes a host when its record says so, and forgets it within the transaction that
//! changes the record. When a transaction fails, everything is forgotten: what was noted may be part
//! of it, and while the database does not answer nobody is let in because of this.

use super::ChannelProof;
use fleet::identity::Connection;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The hosts; only those that exist, so no more than the table has.
#[derive(Debug, Default)]
pub(in crate::store) struct Judged(Mutex<HashMap<Box<str>, (ChannelProof, Connection)>>);

impl Judged {
    /// Returns what the record says of a host with this proof, if that is known.
    pub(in crate::store) fn find(&self, host: &str, proof: &ChannelProof) -> Option<Connection> {
        let known = self.0.lock();
        known.get(host).filter(|(of, _)| of == proof).map(|(_, connection)| *connection)
    }

    /// Notes what the record says.
    pub(in crate::store) fn note(&self, host: &str, proof: ChannelProof, connection: Connection) {
        self.0.lock().insert(host.into(), (proof, connection));
    }

    /// Forgets a host whose record changes.
    pub(in crate::store) fn forget(&self, host: &str) {
        self.0.lock().remove(host);
    }

    /// Forgets all hosts.
    pub(in crate::store) fn forget_all(&self) {
        self.0.lock().clear();
    }
}
