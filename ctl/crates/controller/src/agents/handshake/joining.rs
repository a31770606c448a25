//! The exchange with a host that joins or recovers (PROTOCOL §9): one request, one reply, the end.
//! It has no certificate yet, so the whole of it is bounded in bytes and in time. Where an operator
//! has to approve the host, and the host waits, the reply comes with the operator's decision.

use super::rejected::Rejected;
use super::{STEP, Services};
use crate::agents::approvals::Approval;
use crate::agents::socket;
use crate::metrics::Enrollment;
use crate::stop::Stop;
use agent_wire::json::parse_object;
use agent_wire::message::{EnrollReply, EnrollRequest, MAX_ENROLL, RECOVER_EXPORTER};
use agent_wire::{Decoder, Limits, Retcode};
use fleet::identity::{PENDING_RETRY_AFTER, Standing};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

/// The name of the step, for the log.
const NAME: &str = "request to join";

/// When a host asks again whose wait in one connection is over, in seconds: at once.
const AT_ONCE: u64 = 1;

/// A host that waits for an operator's approval.
pub(super) struct Waiting {
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    request: EnrollRequest,
    exporter: [u8; 32],
    host: String,
    approval: Approval,
}

/// Answers the one request of a connection, and closes it; or lets the host wait.
pub(super) async fn serve(
    mut stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    services: &Services,
) -> Result<Option<Waiting>, Rejected> {
    match timeout(STEP, exchange(&mut stream, peer, services)).await {
        Ok(Ok(None)) => {
            socket::close_gracefully(&mut stream).await;
            Ok(None)
        }
        Ok(Ok(Some((request, host, approval)))) => {
            let exporter = exporter(&stream).map_err(|error| Rejected::Io(NAME, error))?;
            Ok(Some(Waiting { stream, peer, request, exporter, host, approval }))
        }
        Ok(Err(error)) => Err(Rejected::Io(NAME, error)),
        Err(_) => {
            services.metrics.enrollments.add_one(Enrollment::TooSlow);
            Err(Rejected::TooSlow(NAME))
        }
    }
}

/// Reads the request, and answers it unless the host is to wait.
async fn exchange(
    stream: &mut TlsStream<TcpStream>,
    peer: SocketAddr,
    services: &Services,
) -> io::Result<Option<(EnrollRequest, String, Approval)>> {
    let exporter = exporter(stream)?;
    let reply = match read(stream).await? {
        Ok(request) => {
            let reply = services.identity.join(&request, peer.ip(), &exporter).await;
            if let EnrollReply::Pending { host_id, .. } = &reply
                && request.joiner().wait > 0
                && let Some(approval) = services.approvals.enter(host_id)
            {
                return Ok(Some((request, host_id.clone(), approval)));
            }
            reply
        }
        Err((retcode, why)) => {
            services.metrics.enrollments.add_one(Enrollment::Invalid);
            log::debug!("{peer}: an invalid request to join: {why}");
            EnrollReply::refused(retcode, why, None)
        }
    };
    write(stream, &reply).await?;
    Ok(None)
}

async fn write(stream: &mut TlsStream<TcpStream>, reply: &EnrollReply) -> io::Result<()> {
    stream.write_all(&reply.to_line()).await?;
    stream.flush().await
}

impl Waiting {
    /// Waits for the operator's decision as long as the host does, then answers it.
    pub(super) async fn serve(self, services: &Services, stop: &mut Stop) -> io::Result<()> {
        let Self { mut stream, peer, request, exporter, host, approval } = self;
        let end = sleep(Duration::from_secs(request.joiner().wait));
        let retry_after = tokio::select! {
            () = decided(&approval, &host, services) => None,
            () = end => Some(AT_ONCE),
            () = stop.requested() => Some(services.return_within()),
            () = approval.superseded() => Some(PENDING_RETRY_AFTER.into()),
            // It has nothing more to say, so this is its end.
            _ = stream.read_u8() => return Ok(()),
        };
        let reply = match retry_after {
            Some(retry_after) => EnrollReply::Pending { host_id: host, retry_after },
            None => services.identity.join_after_wait(&request, peer.ip(), &exporter).await,
        };
        write(&mut stream, &reply).await?;
        socket::close_gracefully(&mut stream).await;
        Ok(())
    }
}

/// Waits until a host is no longer pending.
async fn decided(approval: &Approval, host: &str, services: &Services) {
    loop {
        // First: it may have been decided before the wait began.
        match services.identity.standing(host).await {
            Ok(Some(Standing::Pending)) => {}
            Ok(_) => return,
            Err(error) => log::error!("{host}: its standing is unknown: {error}"),
        }
        approval.told().await;
    }
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
