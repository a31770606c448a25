//! Who is a host: our own CA, enrollment, renewal, recovery, and what a connected host may do.
//!
//! [`Identity`] is what the other parts ask. The rules are the crate `fleet`'s, and the store applies
//! each within one transaction; here stand the proofs before them and the certificates after them:
//!
//! | a host | is answered by | which proves |
//! |---|---|---|
//! | joins | `enroll` | the request's own signature; the token is the store's to judge |
//! | comes back after its certificate's end | `recover` | a signature of its key over this connection |
//! | asks for its next certificate | `renew` | the channel's certificate |
//! | opens a channel | `standing` | the same |
//!
//! `ca` holds the keys and signs, `csr` takes the public key out of a request, which is all that
//! counts in it, `doors` bounds how often anybody may ask, `rotation` takes the fleet from one root to
//! the next, and `exchange` keeps the CA the same on every node. Nothing here reads a stream or knows a session.

mod ca;
mod csr;
mod doors;
mod enroll;
mod exchange;
mod known;
mod leaf;
mod name;
mod recover;
mod refusal;
mod renew;
mod rotation;
mod service;
mod standing;

pub(crate) use ca::{
    Ca, CaSettings, GivenServer, Issuance, RootKey, ServerChain, seconds, server_names,
};
#[cfg(feature = "fuzzing")]
pub(crate) use csr::fuzzing;
pub(crate) use exchange::{open_shared as open_shared_ca, share as share_ca};
pub(crate) use leaf::Leaf;
pub(crate) use refusal::retcode;
pub(crate) use rotation::RotationRefused;
pub(crate) use service::{Identity, IdentitySettings};
pub(crate) use standing::{Judged, Opened};
