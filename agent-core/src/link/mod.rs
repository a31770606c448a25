//! The way to the server: resolve → bootstrap → TLS → session → reconnect.
//!
//! Owns the agent's one channel and serves it with [`crate::session`]. Until TLS has verified a
//! server, nothing it sends is trusted except addresses (§2).

mod anchor;
mod backoff;
mod bootstrap;
mod error;
mod identity;
mod join;
mod key;
mod liveness;
mod open;
mod pem;
mod plain;
mod reconnect;
mod refusal;
mod resolve;
mod sign;
mod tls;

pub(crate) use anchor::check as check_anchor;
pub(crate) use error::{Error, NOT_JOINED};
pub(crate) use identity::load as load_tls;
pub(crate) use join::{Application, join};
pub(crate) use open::{Host, discard_token, read_token};
pub(crate) use reconnect::Link;
pub(crate) use resolve::targets;
