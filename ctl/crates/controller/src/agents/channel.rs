//! The channel of one session: requests out, replies and results in, until one side ends it.
//!
//! An idle channel holds no buffer: it reads into the stack, and it owns bytes to write only while
//! it writes them.

use super::certificate::End;
use super::disconnect::DisconnectReason;
use super::handshake::Services;
use super::renewal;
use super::room::RoomShare;
use super::session::{CloseReason, Fetched, Session};
use super::stream::output_bytes;
use super::tls::ServerSide;
use super::validity::Validity;
use super::{results, salvage, socket};
use crate::metrics::Handshake;
use crate::stop::Stop;
use crate::store::Arrival;
use agent_wire::json::{parse_object, quote};
use agent_wire::message::{CertRenew, Goodbye, Response, line};
use agent_wire::{Decoder, Limits, Malformed, Params, Retcode};
use rustls::HandshakeKind;
use rustls_pki_types::CertificateDer;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// Bytes taken from the stream at once: a TLS record's worth (RFC 8446 §5.1).
const READ: usize = 16 << 10;

/// The time within which an agent goes to another node, in seconds: few go at once.
const MOVE_WITHIN: u64 = 1;

/// The time for a peer to take its last line.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The end of the channel that owns the stream.
pub(super) struct Channel {
    /// On the heap: each future that a value passes through keeps room for a copy of it.
    stream: Box<TlsStream<TcpStream>>,
    decoder: Decoder,
    outgoing: Vec<u8>,
    /// The part of `outgoing` that the stream has taken, in bytes.
    written: usize,
    /// The stream has taken everything, but may not have sent it.
    flushing: bool,
    /// The room that an unfinished message occupies.
    room: RoomShare,
    /// The time until which the agent's certificates are valid.
    end: End,
}

/// A message that takes time: nothing else is read meanwhile.
enum Taken {
    Result(Arrival),
    Renewal(CertRenew),
}

/// What the stream has done.
enum Progress {
    Read,
    Written,
    Closed,
}

impl Channel {
    /// The bounds on one message of an agent: 16 MiB of output, in base64 or escaped, and the
    /// separate standard error beside it.
    pub(super) const LIMITS: Limits =
        Limits { max_message: 64 << 20, max_depth: agent_wire::DEFAULT_MAX_DEPTH };

    /// Makes the channel over a stream on which `init` was accepted; `decoder` may hold the bytes
    /// that followed it. The agent's certificates are valid until `end`.
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        decoder: Decoder,
        end: End,
        services: &Services,
    ) -> Self {
        Self {
            stream: Box::new(stream),
            decoder,
            outgoing: Vec::new(),
            written: 0,
            flushing: false,
            room: RoomShare::new(&services.room),
            end,
        }
    }

    /// Returns the kind of TLS handshake that opened the stream.
    pub(super) fn handshake(&self) -> Handshake {
        match self.stream.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Resumed) => Handshake::Resumed,
            _ => Handshake::Accepted,
        }
    }

    /// Serves the session to its end; pending requests then get [`super::NoReply::Disconnected`].
    pub(super) async fn run(
        mut self,
        session: &Arc<Session>,
        services: &Services,
        tls: watch::Receiver<ServerSide>,
        stop: &mut Stop,
    ) -> DisconnectReason {
        let validity = Validity::new(tls, self.end);
        let reason = self.serve(session, services, validity, stop).await;
        if let DisconnectReason::Stopped = reason {
            session.close_for_shutdown();
        }
        session.close();
        if let DisconnectReason::ClosedByAgent | DisconnectReason::Lost(_) = reason {
            return reason;
        }
        // On the heap: an idle session does not pay for what happens once.
        Box::pin(self.close(&reason, services)).await;
        reason
    }

    async fn serve(
        &mut self,
        session: &Arc<Session>,
        services: &Services,
        mut validity: Validity,
        stop: &mut Stop,
    ) -> DisconnectReason {
        loop {
            match self.take_messages(session) {
                Ok(None) => {}
                Ok(Some(Taken::Renewal(request))) => {
                    tokio::select! {
                        () = Box::pin(renewal::answer(session, services, request)) => continue,
                        () = stop.requested() => return DisconnectReason::Stopped,
                    }
                }
                Ok(Some(Taken::Result(result))) => {
                    tokio::select! {
                        // Nothing is read while the disk lags behind: the agent waits, and its
                        // results with it. (The trait puts this future on the heap, so that an
                        // idle session does not pay for it.)
                        () = services.store.put(result) => continue,
                        () = stop.requested() => return DisconnectReason::Stopped,
                    }
                }
                Err(error) => return DisconnectReason::Malformed(error),
            }
            if !self.room.fits(self.decoder.held()) {
                let larger = Box::pin(self.room.grow(self.decoder.held()));
                tokio::select! {
                    grown = larger => if !grown { return DisconnectReason::NoRoom },
                    () = stop.requested() => return DisconnectReason::Stopped,
                }
            }
            let idle = self.outgoing.is_empty() && !self.flushing;
            tokio::select! {
                progress = poll_fn(|cx| self.poll_stream(cx)) => match progress {
                    Ok(Progress::Read | Progress::Written) => {}
                    Ok(Progress::Closed) => return DisconnectReason::ClosedByAgent,
                    Err(error) => return DisconnectReason::Lost(error),
                },
                fetched = session.fetch(idle) => match fetched {
                    Fetched::Lines(lines) => self.outgoing = lines,
                    Fetched::Close(CloseReason::Replaced) => return DisconnectReason::Replaced,
                    Fetched::Close(CloseReason::Redelivery) => return DisconnectReason::Redelivery,
                    Fetched::Close(CloseReason::Revoked) => return DisconnectReason::Revoked,
                    Fetched::Close(CloseReason::Renewed) => return DisconnectReason::Renewed,
                    Fetched::Close(CloseReason::Moved) => return DisconnectReason::Moved,
                    Fetched::Close(CloseReason::Stopped) => return DisconnectReason::Stopped,
                },
                () = validity.due() => if let Err(error) = validity.check(self.chain()) {
                    return DisconnectReason::Certificate(error);
                },
                () = stop.requested() => return DisconnectReason::Stopped,
            }
        }
    }

    /// Returns the certificates that the agent presented.
    fn chain(&self) -> &[CertificateDer<'static>] {
        self.stream.get_ref().1.peer_certificates().unwrap_or_default()
    }

    /// Writes what can be written, then reads what is there.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Progress>> {
        let mut stream = Pin::new(&mut *self.stream);
        while self.written < self.outgoing.len() {
            match stream.as_mut().poll_write(cx, &self.outgoing[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        if !self.outgoing.is_empty() && self.written == self.outgoing.len() {
            self.outgoing = Vec::new();
            self.written = 0;
            self.flushing = true;
        }
        if self.flushing && stream.as_mut().poll_flush(cx)?.is_ready() {
            self.flushing = false;
            return Poll::Ready(Ok(Progress::Written));
        }
        let mut space = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(stream.poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Ok(Progress::Closed));
        }
        self.decoder.push(read.filled());
        Poll::Ready(Ok(Progress::Read))
    }

    /// Handles every whole message up to the first that takes time, which it returns. Fails only if the
    /// rest of the stream is unreadable.
    fn take_messages(&mut self, session: &Arc<Session>) -> Result<Option<Taken>, Malformed> {
        loop {
            match self.decoder.next_message() {
                Ok(None) => return Ok(None),
                Ok(Some(text)) => {
                    if let Some(taken) = take_message(session, text) {
                        return Ok(Some(taken));
                    }
                }
                Err(error) if error.fatal => return Err(error),
                Err(error) => {
                    log::warn!("{}: skipped a message: {error}", session.host);
                    fail_reply(session, self.decoder.skipped_head(), &error);
                }
            }
        }
    }

    async fn close(mut self, reason: &DisconnectReason, services: &Services) {
        let mut bytes = self.outgoing.split_off(self.written);
        let return_within = match reason {
            DisconnectReason::Stopped => Some(services.return_within()),
            DisconnectReason::Moved => Some(MOVE_WITHIN),
            _ => None,
        };
        if let Some(return_within) = return_within {
            let server = services.redirect.others();
            line(&Goodbye { return_within, server }, &mut bytes);
        }
        let last = match reason {
            DisconnectReason::Malformed(error) => {
                Some(Response::failed(None, error.retcode, &error.message))
            }
            DisconnectReason::Replaced => Some(Response::failed(
                None,
                Retcode::Refused,
                "a newer session of this host has replaced this one",
            )),
            DisconnectReason::Certificate(error) => Some(Response::failed(
                None,
                Retcode::Refused,
                format!("the agent's certificate is not valid anymore: {error}"),
            )),
            DisconnectReason::NoRoom => Some(Response::failed(
                None,
                Retcode::Busy,
                "no room for a large message now; send it again later",
            )),
            DisconnectReason::Revoked => Some(Response::failed(
                None,
                Retcode::IdentityRefused,
                "an operator removed or banned this host, or settled that this is a copy of it",
            )),
            DisconnectReason::ClosedByAgent
            | DisconnectReason::Lost(_)
            | DisconnectReason::Redelivery
            | DisconnectReason::Renewed
            | DisconnectReason::Moved
            | DisconnectReason::Stopped => None,
        };
        if let Some(last) = last {
            line(&last, &mut bytes);
        }
        // A peer that does not take its last line is disconnected all the same.
        let _ = timeout(LAST_WORDS, self.stream.write_all(&bytes)).await;
        socket::close_gracefully(&mut *self.stream).await;
    }
}

/// Handles a message; returns it if that takes time.
fn take_message(session: &Arc<Session>, text: &str) -> Option<Taken> {
    let host = &session.host;
    let map = match parse_object(text) {
        Ok(map) => map,
        Err(error) => {
            log::warn!("{host}: skipped a message: {error}");
            fail_reply(session, text.as_bytes(), &error);
            return None;
        }
    };
    let params = Params::new(&map);
    let text_of = |name| params.text(name).ok().flatten();
    let id = text_of("id");
    if let Some(method) = text_of("method") {
        match results::arrival(session, &map, || verbatim(text, &map)) {
            Ok(Some(result)) if session.takes_results() => return Some(Taken::Result(result)),
            Ok(Some(_)) => log::debug!("{host}: left a result with a restricted host"),
            Ok(None) if method == CertRenew::METHOD => {
                return renewal::read(session, &map).map(Taken::Renewal);
            }
            Ok(None) => log::debug!("{host}: skipped a message of method \"{}\"", quote(method)),
            Err(error) => {
                let task = quote(id.unwrap_or_default());
                log::warn!(
                    "{host}: the agent keeps the invalid result of task \"{task}\": {error}"
                );
            }
        }
        return None;
    }
    match (id, text_of("resp")) {
        (Some(id), Some("success" | "failed")) => {
            if !session.reply(id, || verbatim(text, &map)) {
                log::debug!("{host}: nothing waits for the reply to \"{}\"", quote(id));
            }
        }
        (Some(id), Some("output")) => {
            session.output(id, || verbatim(text, &map), output_bytes(&map));
        }
        (None, Some(_)) => {
            let message = quote(text_of("message").unwrap_or_default());
            log::warn!("{host}: the agent could not read a message: {message}");
        }
        _ => log::warn!("{host}: skipped a message that is neither a reply nor a result"),
    }
    None
}

/// Tells the client that waits for a reply, of which `text` is the start at least, that it cannot
/// be read.
fn fail_reply(session: &Session, text: &[u8], error: &Malformed) {
    if let Some(id) = salvage::reply_id(text)
        && !session.fail(&id, &error.to_string())
    {
        log::debug!("{}: nothing waits for the reply to \"{}\"", session.host, quote(&id));
    }
}

/// Returns the text as it came, or rewritten if only the protocol's leniency makes it JSON.
fn verbatim(text: &str, map: &Map<String, Value>) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => serde_json::to_string(map).expect("a map of JSON values goes to memory"),
    }
}
