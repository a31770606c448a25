//! A host joins a server, keeps its identity through crashes and renewals, and recovers. The server
//! is the test's own, so that it can misbehave.

mod issuer;
mod join;
mod renew;
mod waits;
