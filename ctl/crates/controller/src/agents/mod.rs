//! An agent's session: who it is, and the requests that wait for its answers.
//!
//! [`Session`] is the side that [`crate::api`] holds: it puts requests in and waits. [`channel::Channel`] is the
//! side that owns the TLS stream. Between them stands one buffer, which both bounds and coalesces:
//! requests that come while the stream is busy leave as one TLS record. [`Waiter`] and [`OutputStream`] are one
//! request's wait, for the answer alone or for its output too.

mod channel;
pub(crate) mod handshake;
pub(crate) mod listener;
pub(crate) mod redirect;
pub(crate) mod registry;
mod reply;
mod session;
mod stream;
pub(crate) mod tls;

pub(crate) use channel::Channel;
#[cfg(test)]
pub(crate) use session::tests;
pub(crate) use session::{Asked, Session};
pub(crate) use stream::OutputStream;
pub(crate) use reply::{NoAnswer, Waiter};
