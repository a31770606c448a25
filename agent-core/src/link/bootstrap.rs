//! `init` and its reply: before TLS (§2), where only addresses are trusted, and inside it (§3).

use super::Error;
use super::error::cure;
use agent_wire::message::{Init, InitReply, line};
use agent_wire::{Decoder, Limits, PROTOCOL_VERSION, Retcode, json, parse_list};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The whole exchange, from `init` to the last byte of the reply.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that a server may send before TLS, white space included.
const MAX_PLAIN_BYTES: usize = 64 << 10;

/// Where the server sends the agent.
#[derive(Debug)]
pub(super) enum Answer {
    /// It stays here.
    Stay,
    /// To one of these, tried in order.
    Go(Vec<SocketAddr>),
}

/// Sends `init` and reads the reply from `decoder`, which may hold more bytes afterwards.
pub(super) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    decoder: &mut Decoder,
    init: &Init,
    peer: SocketAddr,
    port: u16,
) -> Result<Answer, Error> {
    let exchange = exchange(stream, decoder, init, peer);
    let reply = tokio::time::timeout(EXCHANGE_TIMEOUT, exchange)
        .await
        .map_err(|_| Error::TooSlow { peer, what: "the reply to init" })??;
    let refused = |why: String| Error::Protocol { peer, why };
    match reply {
        InitReply::Accept => Ok(Answer::Stay),
        InitReply::Redirect { server } => {
            let list = parse_list(&server)
                .map_err(|error| refused(format!("redirect refused: {error}")))?;
            Ok(Answer::Go(list.into_iter().map(|endpoint| endpoint.socket(port)).collect()))
        }
        InitReply::Busy { retry_after } => {
            Err(Error::Busy { peer, retry_after: Duration::from_secs(retry_after) })
        }
        InitReply::Refused(response) => {
            let (retcode, message) = (response.retcode, json::sentence(&response.message));
            let why = format!("init refused: {retcode} {message}{}", cure(retcode));
            let of_identity = [Retcode::Refused, Retcode::IdentityRefused].map(Retcode::number);
            match of_identity.contains(&response.retcode) {
                true => Err(Error::Rejected { peer, why, is_expired: false }),
                false => Err(refused(why)),
            }
        }
    }
}

/// Does the plain exchange, with a decoder of its own. Only white space may follow the reply, or
/// plain bytes could pass for bytes of the channel.
pub(super) async fn ask_plain(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    init: &Init,
    peer: SocketAddr,
    port: u16,
) -> Result<Answer, Error> {
    let mut decoder = Decoder::new(Limits { max_message: MAX_PLAIN_BYTES, ..Limits::default() });
    let answer = ask(stream, &mut decoder, init, peer, port).await?;
    match decoder.is_drained() {
        true => Ok(answer),
        false => Err(Error::Protocol {
            peer,
            why: "sent more than a reply to init before TLS".to_owned(),
        }),
    }
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    decoder: &mut Decoder,
    init: &Init,
    peer: SocketAddr,
) -> Result<InitReply, Error> {
    let failed = |source| Error::Connection { peer, source };
    let refused = |why: String| Error::Protocol { peer, why };
    let mut out = Vec::new();
    line(init, &mut out);
    stream.write_all(&out).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut buffer = [0_u8; 4096];
    let mut total = 0;
    loop {
        match decoder.next_message().map_err(|error| refused(error.to_string()))? {
            Some(text) => {
                let map = json::parse_object(text).map_err(|error| refused(error.to_string()))?;
                // A server need not say it; one that does must speak this version.
                match map.get("protocol") {
                    None | Some(Value::Null) => {}
                    Some(version) if version.as_u64() == Some(PROTOCOL_VERSION.into()) => {}
                    Some(version) => {
                        return Err(refused(format!(
                            "it speaks protocol {}, this agent only {PROTOCOL_VERSION}",
                            json::quote(&version.to_string())
                        )));
                    }
                }
                return InitReply::parse(&map).map_err(|error| refused(error.to_string()));
            }
            None if total >= MAX_PLAIN_BYTES => {
                return Err(refused(format!(
                    "sent no reply to init within {MAX_PLAIN_BYTES} bytes"
                )));
            }
            None => {}
        }
        let count = stream.read(&mut buffer).await.map_err(failed)?;
        if count == 0 {
            return Err(refused("closed without an answer to init".to_owned()));
        }
        total += count;
        decoder.push(&buffer[..count]);
    }
}
