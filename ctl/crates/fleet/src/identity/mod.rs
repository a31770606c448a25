//! Which host is which: keys, generations, certificates, and the states of a host.
//!
//! A host is known by its key, never by an address or its hardware. Each renewal gives it a new key
//! and raises its generation by one. So of two copies of a host, the copy that did not renew shows
//! itself: it presents an older key than the host's.
//!
//! ```text
//!              enroll                   renew, recover
//!  (unknown) ─────────► pending ──────► active ◄──────────┐
//!                 approve               │  ▲              │ settle
//!                                       │  └── pending ◄──┤ recover: away too long, other machine
//!            an older key connects, or  ▼                 │
//!            an operator says so     quarantined ─────────┘
//!  any state ── ban ──► banned          any state ── remove ──► (unknown)
//! ```
//!
//! **Two keys can be good at once.** A renewal makes the new key *current* and keeps the one before
//! as *previous*, since the answer may be lost: either key opens a channel. The first channel with
//! the current key *confirms* it, and from then on the previous key is an *older* one. A host that
//! lost the answer simply renews again, with the same renewal id for the same certificate, or with
//! another for another key.
//!
//! **An older key is a second copy.** The host itself never goes back: it tries the newest key that
//! it has a certificate for, and the one before only if the server refuses that. Whoever presents an older key runs a copy of the
//! host's state, or the host was restored from a snapshot. The rules cannot tell these apart, so
//! both sides are quarantined and an operator settles it ([`Choice`]). After that, the keys that lost
//! are *superseded*: refused, whoever presents them.
//!
//! **A backup of the database is behind its hosts.** A certificate of our own CA for this host, made
//! later than the newest one in its record, shows that. Its key becomes the host's.
//!
//! **The same question has the same answer.** A certificate is made from the values in
//! [`Certificate`], which are stored with the host. The repeat of a question gets the same values.

mod certificate;
mod connect;
mod enroll;
mod foreign;
mod lost;
mod operator;
mod record;
mod recover;
mod refusal;
mod renew;

pub use certificate::{Certificate, Offer, Serial};
pub use connect::{Connection, Standing, connect};
pub use enroll::{Enroll, EnrollRefusal, Enrolled, Joined, enroll};
pub use foreign::{UnknownHosts, connect_foreign};
pub use lost::connect_lost;
pub use operator::{Choice, Settled, approve, ban, quarantine, settle};
pub use record::{
    HostRecord, HostState, Issuer, KeyPlace, Keys, MAX_OLDER_KEYS, OlderKey, PendingReason,
    QuarantineReason,
};
pub use recover::{Recover, recover};
pub use refusal::{IdentityRefusal, WrongState};
pub use renew::{Renew, renew};

/// The most hosts that wait for an operator at once; a further one is told to ask again.
pub const MAX_PENDING: u32 = 1_000;

/// How long a pending host waits before it asks again, in seconds.
pub const PENDING_RETRY_AFTER: u32 = 30;

/// The answer to a host that asks for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Sign a certificate with these values.
    Certificate(Certificate),
    /// An operator decides first. The host asks the same question again later.
    Pending,
}

#[cfg(test)]
mod tests;
