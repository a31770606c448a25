//! The TLS handshake (PROTOCOL §3, §9). The ALPN names in the hello tell an agent, which must
//! present a certificate, from a host that joins, which has none yet.

use super::rejected::Rejected;
use crate::agents::tls::ServerSide;
use agent_wire::{ALPN, ENROLL_ALPN};
use rustls::server::Acceptor;
use std::io;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// The step's name.
pub(super) const STEP: &str = "TLS handshake";

/// A connection inside TLS.
pub(super) enum Secured {
    /// An agent's.
    Agent(TlsStream<TcpStream>),
    /// That of a host that joins or recovers.
    Joining(TlsStream<TcpStream>),
}

/// Takes a connection through its TLS handshake.
pub(super) async fn run(stream: TcpStream, side: &ServerSide) -> Result<Secured, Rejected> {
    let failed = |error| Rejected::Io(STEP, error);
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(failed)?;
    if !asks_to_join(&hello.client_hello()) {
        let accepting = hello.into_stream(std::sync::Arc::clone(&side.agents));
        return accepting.await.map(Secured::Agent).map_err(failed);
    }
    let Some(joining) = &side.joining else {
        return Err(failed(io::Error::other(
            "a host cannot join: the server's certificate was given without --server-ca",
        )));
    };
    let accepting = hello.into_stream(std::sync::Arc::clone(joining));
    accepting.await.map(Secured::Joining).map_err(failed)
}

/// A hello with both names is an agent's.
fn asks_to_join(hello: &rustls::server::ClientHello<'_>) -> bool {
    let mut joins = false;
    for name in hello.alpn().into_iter().flatten() {
        match name {
            ALPN => return false,
            ENROLL_ALPN => joins = true,
            _ => {}
        }
    }
    joins
}
