//! The way to the server and back: resolve → bootstrap → TLS → session → reconnect.
//!
//! Owns the one connection an agent has. Bytes come in here and go to [`crate::dispatch`]; its answers go
//! out here. Nothing a peer says before TLS has verified it is trusted with more than addresses (§2).

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
