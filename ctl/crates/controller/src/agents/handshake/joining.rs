//! The exchange with a host that joins or recovers (PROTOCOL §9): one request, one reply, the end.
//! It has no certificate yet, so the whole of it is bounded in bytes and in time.

use super::rejected::Rejected;
use super::{STEP, Services};
use crate::agents::socket;
use crate::metrics::Enrollment;
use agent_wire::json::parse_object;
use agent_wire::message::{EnrollReply, EnrollRequest, MAX_ENROLL, RECOVER_EXPORTER};
use agent_wire::{Decoder, Limits, Retcode};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// The name of the step, for the log.
const NAME: &str = "request to join";

/// Answers the one request of a connection, and closes it.
pub(super) async fn serve(
    mut stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    services: &Services,
) -> Result<(), Rejected> {
    match timeout(STEP, exchange(&mut stream, peer, services)).await {
        Ok(Ok(())) => {
            socket::close_gracefully(&mut stream).await;
            Ok(())
        }
        Ok(Err(error)) => Err(Rejected::Io(NAME, error)),
        Err(_) => {
            services.metrics.enrollments.add_one(Enrollment::TooSlow);
            Err(Rejected::TooSlow(NAME))
        }
    }
}

async fn exchange(
    stream: &mut TlsStream<TcpStream>,
    peer: SocketAddr,
    services: &Services,
) -> io::Result<()> {
    let exporter = exporter(stream)?;
    let reply = match read(stream).await? {
        Ok(request) => services.identity.join(request, peer.ip(), &exporter).await,
        Err((retcode, why)) => {
            services.metrics.enrollments.add_one(Enrollment::Invalid);
            log::debug!("{peer}: an invalid request to join: {why}");
            EnrollReply::refused(retcode, why, None)
        }
    };
    stream.write_all(&reply.to_line()).await?;
    stream.flush().await
}

/// Reads the request; its own faults are for the reply.
async fn read(
    stream: &mut TlsStream<TcpStream>,
) -> io::Result<Result<EnrollRequest, (Retcode, String)>> {
    let mut decoder = Decoder::new(Limits { max_message: MAX_ENROLL, ..Limits::default() });
    let mut read = 0;
    loop {
        match decoder.next_message() {
            Ok(Some(text)) => {
                let map = match parse_object(text) {
                    Ok(map) => map,
                    Err(error) => return Ok(Err((error.retcode, error.message))),
                };
                let request = EnrollRequest::parse(&map);
                return Ok(request.map_err(|error| (Retcode::InvalidParams, error.to_string())));
            }
            Ok(None) if read >= MAX_ENROLL => {
                let why = format!("the request is longer than {MAX_ENROLL} bytes");
                return Ok(Err((Retcode::TooLarge, why)));
            }
            Ok(None) => {}
            Err(error) => return Ok(Err((error.retcode, error.message))),
        }
        let mut chunk = [0; 2048];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read += count;
        decoder.push(&chunk[..count]);
    }
}

/// Returns the keying material that only the two ends of this connection have (RFC 8446 §7.5).
fn exporter(stream: &TlsStream<TcpStream>) -> io::Result<[u8; 32]> {
    let material = stream.get_ref().1.export_keying_material([0; 32], RECOVER_EXPORTER, None);
    material.map_err(io::Error::other)
}
