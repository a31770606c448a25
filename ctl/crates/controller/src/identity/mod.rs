//! Who is a host: our own CA, enrollment, renewal, recovery, clones, and revocation.
//!
//! `ca` holds the keys and signs; `csr` takes the public key out of a request, which is all that
//! counts in it.

#![allow(dead_code, unused_imports, reason = "enrollment and rotation are being written")]

mod ca;
mod csr;
mod leaf;

pub(crate) use ca::{
    Ca, CaSettings, GivenServer, Issuance, RootKey, ServerChain, seconds, server_names,
};
pub(crate) use leaf::Leaf;
