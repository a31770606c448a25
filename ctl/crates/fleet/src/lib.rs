//! The rules of a fleet, as pure functions and the types they speak.
//!
//! The controller's parts ask these rules and do what they answer; `BasicAgentCtl` and the console
//! share the words. Nothing here does I/O, reads a clock or makes a random number: time, addresses,
//! fresh ids and serial numbers are arguments. So each rule is tested by tables and by state
//! machines that try every order of events.
//!
//! How the parts go together, from a host's first word to a command on it:
//!
//! | step | the rule | its question |
//! |---|---|---|
//! | a host brings a [`JoinToken`] | [`join::admit`] | may any host join by it, from this address, now? |
//! | … and a key | [`identity::enroll`] | which host is this, in which [`HostState`], with which certificate? |
//! | it connects with a certificate | [`identity::connect`] | is the key the host's newest, or does a copy of the host use an older one? |
//! | its certificate grows old | [`identity::renew`] | which key and certificate come next? |
//! | it was away for too long | [`identity::recover`] | the same, by a signature of its last key |
//! | an operator decides about it | [`identity::approve`], [`identity::settle`], … | what becomes of its keys and its sessions? |
//! | an operator names hosts | [`Selector`] over [`Labels`] | is this host meant? |
//! | an operator asks for something | [`role::judge`] | does a [`Grant`] of theirs allow this [`Action`], on this host, with this command? |
//! | … of many hosts at once | [`run`] | what is sent to which host next, and what became of it? |
//! | a cron job is for many hosts | [`schedule::reconcile`] | what is to be set and removed on this host? |
//! | anything is asked or changed | [`audit::chain`], [`audit::Verifier`] | what happened, and is the record of it whole? |
//! | a host answers to `getinfo` | [`facts`] | what is new about it, and which hosts are alike? |
//! | anybody knocks | [`rate::Sources`] | is this too often, and when is the next time? |
//!
//! A rule about a host changes the [`HostRecord`] that it is given and returns what to answer. The
//! store reads the record, asks the rule and writes the record in one transaction. A rule that
//! refuses may have changed the record too: a key that a copy presents puts the host in quarantine.
#![forbid(unsafe_code)]

pub mod audit;
mod caret;
mod digest;
pub mod facts;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod identity;
pub mod join;
mod label;
mod net;
pub mod rate;
pub mod role;
pub mod run;
pub mod schedule;
pub mod selector;

pub use digest::{Digest, NotADigest};
pub use identity::{HostRecord, HostState, IdentityRefusal};
pub use join::{JoinRefusal, JoinState, JoinTerms, JoinToken, TokenId};
pub use label::{LabelError, LabelKey, LabelSource, LabelValue, Labels, MAX_LABELS};
pub use net::{IpNetwork, NetworkError};
pub use role::{Action, Grant, Role};
pub use selector::{Selector, SelectorError};

/// A time, in milliseconds since 1970-01-01 00:00:00 UTC.
pub type UnixMillis = i64;

/// Milliseconds of a day.
pub const DAY: UnixMillis = 86_400_000;
