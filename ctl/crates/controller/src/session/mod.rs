//! An agent's session: who it is, and the requests that wait for its answers.
//!
//! [`Session`] is the side that [`crate::api`] holds: it puts requests in and waits. [`channel::Channel`] is the
//! side that owns the TLS stream. Between them stands one buffer, which both bounds and coalesces:
//! requests that come while the stream is busy leave as one TLS record. [`Waiter`] and [`OutputStream`] are one
//! request's wait, for the answer alone or for its output too.

mod channel;
mod handle;
mod stream;
mod waiter;

pub(crate) use channel::Channel;
#[cfg(test)]
pub(crate) use handle::tests;
pub(crate) use handle::{Asked, Session};
pub(crate) use stream::OutputStream;
pub(crate) use waiter::{NoAnswer, Waiter};
