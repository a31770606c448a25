//! `init`, as it is read before TLS and inside it (PROTOCOL §2, §3), and its reply.

use super::rejected::Rejected;
use crate::agents::certificate;
use crate::agents::tls::{Presented, ServerSide};
use agent_wire::json::{parse_object, quote};
use agent_wire::message::Init;
use agent_wire::{ALPN, Decoder, PROTOCOL_VERSION, Retcode};
use rustls::HandshakeKind;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Bytes that a peer may send before it is accepted, before TLS and inside it.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// Reads the `init` inside TLS, which is authoritative: the certificate must name its host, and be
/// valid now even if it was verified in an earlier handshake. Returns what the agent presented, too.
pub(super) async fn bound(
    stream: &mut TlsStream<TcpStream>,
    decoder: &mut Decoder,
    side: &ServerSide,
) -> Result<(Init, Presented), Rejected> {
    let refused = |why: String| Err(Rejected::Refused(Retcode::Refused, why));
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return refused(
            "the TLS handshake must negotiate the ALPN protocol basicagent/1".to_owned(),
        );
    }
    let init = read(stream, decoder).await?;
    let tls = stream.get_ref().1;
    let certificates = tls.peer_certificates().unwrap_or_default();
    let Some(presented) = side.read(certificates) else {
        return refused("the certificate cannot be read".to_owned());
    };
    if tls.handshake_kind() == Some(HandshakeKind::Resumed)
        && let Err(error) = side.verify_resumed(certificates, presented.end)
    {
        return refused(format!("the agent's certificate is not valid anymore: {error}"));
    }
    if certificates.first().is_some_and(|leaf| certificate::speaks_for(leaf, &init.hostname)) {
        Ok((init, presented))
    } else {
        refused(format!("the certificate does not name the host \"{}\"", quote(&init.hostname)))
    }
}

/// Reads one `init` from at most [`MAX_BYTES`].
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
) -> Result<Init, Rejected> {
    let mut read = 0;
    loop {
        match decoder.next_message() {
            Ok(Some(text)) => {
                let map = parse_object(text)
                    .map_err(|error| Rejected::Refused(error.retcode, error.message))?;
                let init = Init::parse(&map).map_err(|error| {
                    Rejected::Refused(Retcode::InvalidParams, error.to_string())
                })?;
                return check_version(init);
            }
            Ok(None) if read >= MAX_BYTES => {
                let why = format!("init is longer than {MAX_BYTES} bytes");
                return Err(Rejected::Refused(Retcode::TooLarge, why));
            }
            Ok(None) => {}
            Err(error) => return Err(Rejected::Refused(error.retcode, error.message)),
        }
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).await.map_err(|error| Rejected::Io("init", error))?;
        if count == 0 {
            return Err(Rejected::Io("init", io::ErrorKind::UnexpectedEof.into()));
        }
        read += count;
        decoder.push(&chunk[..count]);
    }
}

/// Rejects a version of the protocol that this controller does not speak; absent means 1.
fn check_version(init: Init) -> Result<Init, Rejected> {
    match init.protocol {
        None => Ok(init),
        Some(version) if version == u64::from(PROTOCOL_VERSION) => Ok(init),
        Some(version) => {
            let why = format!(
                "protocol {version} is not supported: this controller speaks version \
                 {PROTOCOL_VERSION}; upgrade it before its agents"
            );
            Err(Rejected::Refused(Retcode::InvalidParams, why))
        }
    }
}

/// Writes a reply.
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> Result<(), Rejected> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    written.await.map_err(|error| Rejected::Io("reply to init", error))
}
