//! The PROXY protocol, version 2: a load balancer passes on the address that a connection comes
//! from, in a header before its first byte.
//!
//! Whoever can send the header can name any address. So only the sources in `--proxy-from` may, and
//! must, send it; from any other source it is rejected. `header` reads it without I/O.

mod header;
mod sources;

#[cfg(feature = "fuzzing")]
pub(crate) use header::fuzzing;
pub(crate) use sources::{ProxyError, ProxySources, is_header, read};
