//! The way to the server: resolve → bootstrap → TLS → session → reconnect.
//!
//! Owns the agent's one channel and serves it with [`crate::session`]. Until TLS has verified a
//! server, nothing it sends is trusted except addresses (§2).

mod backoff;
mod bootstrap;
mod error;
mod plain;
mod reconnect;
mod resolve;
mod tls;

pub(crate) use error::Error;
pub(crate) use reconnect::Link;
pub(crate) use tls::client_config;
