//! The identity that a host gets by joining (§9): its key and certificate, how they are kept, and
//! when they are renewed.
//!
//! [`Folder`] owns the files in `state_dir/identity`; [`Renewer`] is the long-lived task that renews
//! the certificate in the channel and carries out `cert.*`. `link` asks which identity to use
//! ([`source`]) and has the connections by which a host joins or recovers; `daemon` has the
//! subcommand `enroll`. Nothing here opens a connection.

mod der;
mod error;
mod folder;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod joined;
mod key;
mod leaf;
mod record;
mod renewer;
mod source;
mod standing;
mod upkeep;

pub(crate) use der::{INTEGER, OCTET_STRING, SEQUENCE, element};
pub(crate) use error::Error;
pub(crate) use folder::Folder;
pub(crate) use joined::Joined;
pub(crate) use key::HostKey;
pub(crate) use leaf::{Leaf, now};
pub(crate) use record::{Record, sha256_hex};
pub(crate) use renewer::Renewer;
pub(crate) use source::{Source, source};
pub(crate) use standing::{Standing, State};
pub(crate) use upkeep::{Opened, Parting, Upkeep};
