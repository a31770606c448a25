//! The exchange before TLS (PROTOCOL §2). The first byte tells a plain `init` from a TLS hello.
//! Nothing that the peer says here is trusted.

use super::rejected::Rejected;
use super::{Services, init, step};
use crate::agents::places::Place;
use crate::agents::{redirect, socket};
use agent_wire::message::InitReply;
use agent_wire::{Decoder, Limits, Retcode};
use std::io;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What comes after the bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The TLS hello.
    Tls,
    /// Nothing: the agent goes elsewhere.
    Elsewhere,
}

/// Takes a connection up to its TLS hello.
pub(super) async fn run(
    stream: &mut TcpStream,
    place: &Place,
    services: &Services,
) -> Result<Next, Rejected> {
    let first = step("first message", next_byte(stream)).await?;
    place.spoken();
    if first == TLS_HANDSHAKE {
        return Ok(Next::Tls);
    }
    match step("first message", plain_init(stream, services)).await {
        Ok(InitReply::Accept) => {}
        Ok(_) => {
            socket::close_gracefully(stream).await;
            return Ok(Next::Elsewhere);
        }
        Err(why) => return Err(why.tell(stream).await),
    }
    step("TLS hello", skip_blanks(stream)).await?;
    Ok(Next::Tls)
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

/// Answers the `init` before TLS.
async fn plain_init(stream: &mut TcpStream, services: &Services) -> Result<InitReply, Rejected> {
    let mut decoder = Decoder::new(Limits { max_message: init::MAX_BYTES, ..Limits::default() });
    init::read(stream, &mut decoder).await?;
    if !decoder.is_drained() {
        return Err(Rejected::Refused(
            Retcode::InvalidParams,
            "bytes follow init; wait for its reply before starting TLS".to_owned(),
        ));
    }
    let reply = redirect::decide(services.redirect.as_ref());
    init::write(stream, &reply.to_line()).await?;
    Ok(reply)
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
