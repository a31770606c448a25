//! A host joins a server, keeps its identity through crashes and renewals, and recovers. The server
//! is the test's own; the tests of the controller's crate have the real one.

#![expect(clippy::disallowed_methods, reason = "tests start the real binary")]

mod issuer;
mod join;
mod renew;
mod waits;
