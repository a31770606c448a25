//! The way to the server: resolve → bootstrap → TLS → session → reconnect.
//!
//! Owns the agent's one channel and serves it with [`crate::session`]. Until TLS has verified a
//! server, nothing it sends is trusted except addresses (§2).

mod backoff;
mod bootstrap;
mod error;
mod identity;
mod key;
mod liveness;
mod pem;
mod plain;
mod reconnect;
mod refusal;
mod resolve;
mod tls;

pub(crate) use error::Error;
pub(crate) use identity::load as load_tls;
pub(crate) use reconnect::Link;
