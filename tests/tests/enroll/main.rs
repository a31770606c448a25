//! A host joins a server, keeps its identity through crashes and renewals, and recovers. The server
//! is the test's own, so that it can misbehave; `real` has the controller.

mod issuer;
mod join;
mod killed;
mod real;
mod renew;
mod waits;
