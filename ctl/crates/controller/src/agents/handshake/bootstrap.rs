//! The exchange before TLS (PROTOCOL §2). The first byte tells a plain `init` from a TLS hello.
//! Nothing that the peer says here is trusted.

use super::rejected::Rejected;
use super::{Services, init, step};
use crate::agents::admission::Turn;
use crate::agents::places::Place;
use crate::agents::socket;
use crate::proxy::{self, ProxyError};
use agent_wire::message::{Init, InitReply};
use agent_wire::{Decoder, Limits, Retcode};
use std::io;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What comes after the bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The TLS hello.
    Tls,
    /// Nothing: the agent goes elsewhere, or comes back later.
    Gone(Parting),
}

/// How an agent was sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// To another server.
    Redirected,
    /// Until a later time.
    Busy,
}

/// Takes a connection from `peer` up to its TLS hello.
pub(super) async fn run(
    stream: &mut TcpStream,
    peer: SocketAddr,
    place: &Place,
    services: &Services,
) -> Result<Next, Rejected> {
    let first = step("first message", first_byte(stream, place)).await?;
    if first == b'\r' && proxy::is_header(stream).await {
        return Err(Rejected::Proxy(ProxyError::NotNamed));
    }
    place.spoken();
    if first == TLS_HANDSHAKE {
        let turn = services.admission.unannounced(peer.ip(), Instant::now());
        wait_for(turn.ok_or(Rejected::Busy)?, services).await;
        return Ok(Next::Tls);
    }
    let init = match step("first message", plain_init(stream)).await {
        Ok(init) => init,
        Err(why) => return Err(why.tell(stream).await),
    };
    let reply = match services.redirect.decide() {
        InitReply::Accept => turn(&init, peer, place, services).await,
        other => other,
    };
    step("first message", init::write(stream, &reply.to_line())).await?;
    let parting = match reply {
        InitReply::Accept => {
            step("TLS hello", skip_blanks(stream)).await?;
            return Ok(Next::Tls);
        }
        InitReply::Busy { .. } => Parting::Busy,
        InitReply::Redirect { .. } | InitReply::Refused(_) => Parting::Redirected,
    };
    // An agent says nothing more, so nothing unread can turn the end into a reset. Thousands are
    // sent away at once, and not each is quick to end its side: they hold no places meanwhile.
    if socket::has_bytes(stream) {
        socket::close_gracefully(stream).await;
    }
    Ok(Next::Gone(parting))
}

/// Waits for the agent's turn for a handshake; where it is too far away, tells the agent when to
/// come back.
async fn turn(init: &Init, peer: SocketAddr, place: &Place, services: &Services) -> InitReply {
    let crowded = place.is_crowded();
    match services.admission.announced(&init.hostname, peer.ip(), crowded, Instant::now()) {
        Turn::At(start) => {
            wait_for(start, services).await;
            InitReply::Accept
        }
        Turn::Later(retry_after) => InitReply::Busy { retry_after },
    }
}

async fn wait_for(start: Instant, services: &Services) {
    sleep_until(start).await;
    services.admission.started(start, Instant::now());
}

/// Waits for the peer's first byte and leaves it in the stream. A peer that has sent nothing makes
/// room for another one if it is asked.
pub(super) async fn first_byte(stream: &TcpStream, place: &Place) -> Result<u8, Rejected> {
    tokio::select! {
        byte = next_byte(stream) => return byte,
        () = place.evicted() => {}
    }
    // The kernel knows of bytes that this task has not been told of.
    if !socket::has_bytes(stream) {
        return Err(Rejected::Evicted);
    }
    place.stays();
    next_byte(stream).await
}

/// Returns the next byte and leaves it in the stream.
async fn next_byte(stream: &TcpStream) -> Result<u8, Rejected> {
    let mut byte = [0];
    match stream.peek(&mut byte).await {
        Ok(0) => Err(Rejected::Io("first message", io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(byte[0]),
        Err(error) => Err(Rejected::Io("first message", error)),
    }
}

/// Reads the `init` before TLS.
async fn plain_init(stream: &mut TcpStream) -> Result<Init, Rejected> {
    let mut decoder = Decoder::new(Limits { max_message: init::MAX_BYTES, ..Limits::default() });
    let init = init::read(stream, &mut decoder).await?;
    if decoder.is_drained() {
        return Ok(init);
    }
    Err(Rejected::Refused(
        Retcode::InvalidParams,
        "bytes follow init; wait for its reply before starting TLS".to_owned(),
    ))
}

/// Skips the white space that may end a plain `init` after its reply, up to the first byte of the
/// TLS hello.
async fn skip_blanks(stream: &mut TcpStream) -> Result<(), Rejected> {
    for _ in 0..init::MAX_BYTES {
        match next_byte(stream).await? {
            TLS_HANDSHAKE => return Ok(()),
            b' ' | b'\t' | b'\r' | b'\n' => {
                stream.read_u8().await.map_err(|error| Rejected::Io("TLS hello", error))?;
            }
            _ => break,
        }
    }
    Err(Rejected::Io("TLS hello", io::Error::other("expected a TLS hello after accept")))
}
