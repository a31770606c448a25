//! The TLS stream of one session: requests out, answers and results in, until one side ends it.
//!
//! An idle channel holds no buffer: it reads into the stack, and what it writes belongs to it only while
//! it is written.

use super::Session;
use super::session::{Closing, Fetched};
use crate::agents::handshake::goodbye;
use crate::stop::Stop;
use crate::store::{Arrival, Store};
use agent_wire::json::{parse_object, quote};
use agent_wire::message::{Response, line};
use agent_wire::{Decoder, Limits, Malformed, Params, Retcode};
use serde::de::IgnoredAny;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// Bytes taken from the stream at once: a TLS record's worth (RFC 8446 §5.1).
const READ: usize = 16 << 10;

/// How long a peer has to take its last line.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One end of the channel.
pub(crate) struct Channel {
    /// On the heap: each future that a value passes through keeps room for a copy of it.
    stream: Box<TlsStream<TcpStream>>,
    decoder: Decoder,
    outgoing: Vec<u8>,
    /// How much of `outgoing` the stream has taken.
    written: usize,
    /// The stream has taken all, but may not have sent all.
    flushing: bool,
}

/// Why a channel ended.
#[derive(Debug)]
pub(crate) enum End {
    Closed,
    Lost(io::Error),
    Malformed(Malformed),
    Replaced,
    Resend,
    Stopped,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the agent closed it"),
            Self::Lost(error) => write!(f, "{error}"),
            Self::Malformed(error) => write!(f, "{error}"),
            Self::Replaced => f.write_str("replaced by a newer session of the same host"),
            Self::Resend => f.write_str("cut off, so that the agent sends again what could not be stored"),
            Self::Stopped => f.write_str("the controller stops"),
        }
    }
}

/// What the stream has done.
enum Moved {
    Read,
    Written,
    Closed,
}

impl Channel {
    /// What an agent may send in one message: its bound on output, 16 MiB, in base64 or escaped, and the
    /// separate standard error beside it.
    pub(crate) const LIMITS: Limits =
        Limits { max_message: 64 << 20, max_depth: agent_wire::DEFAULT_MAX_DEPTH };

    /// A stream on which `init` was accepted; `decoder` may hold what came behind it.
    pub(crate) fn new(stream: TlsStream<TcpStream>, decoder: Decoder) -> Self {
        Self { stream: Box::new(stream), decoder, outgoing: Vec::new(), written: 0, flushing: false }
    }

    /// Serves the session to its end; whoever still waits then is told.
    pub(crate) async fn run(mut self, session: &Arc<Session>, store: &Store, stop: &mut Stop) -> End {
        let end = self.serve(session, store, stop).await;
        session.close();
        if let End::Closed | End::Lost(_) = end {
            return end;
        }
        // On the heap: an idle session pays for nothing it needs only once.
        Box::pin(self.close(&end)).await;
        end
    }

    async fn serve(&mut self, session: &Arc<Session>, store: &Store, stop: &mut Stop) -> End {
        loop {
            match self.take_messages(session) {
                Ok(None) => {}
                Ok(Some(result)) => {
                    tokio::select! {
                        // On the heap, as all that an idle session does not need. Nothing is read
                        // while the disk is behind: the agent waits, and its results with it.
                        () = Box::pin(store.take(result)) => continue,
                        () = stop.said() => return End::Stopped,
                    }
                }
                Err(error) => return End::Malformed(error),
            }
            let idle = self.outgoing.is_empty() && !self.flushing;
            tokio::select! {
                moved = poll_fn(|cx| self.poll_stream(cx)) => match moved {
                    Ok(Moved::Read | Moved::Written) => {}
                    Ok(Moved::Closed) => return End::Closed,
                    Err(error) => return End::Lost(error),
                },
                fetched = session.fetch(idle) => match fetched {
                    Fetched::Lines(lines) => self.outgoing = lines,
                    Fetched::Close(Closing::Replaced) => return End::Replaced,
                    Fetched::Close(Closing::Resend) => return End::Resend,
                },
                () = stop.said() => return End::Stopped,
            }
        }
    }

    /// Writes what can be written, then reads what is there.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Moved>> {
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
            return Poll::Ready(Ok(Moved::Written));
        }
        let mut space = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(stream.poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Ok(Moved::Closed));
        }
        self.decoder.push(read.filled());
        Poll::Ready(Ok(Moved::Read))
    }

    /// Hands out every whole message up to the first result, which it gives back. Only what leaves the
    /// stream unreadable is an error.
    fn take_messages(&mut self, session: &Arc<Session>) -> Result<Option<Arrival>, Malformed> {
        loop {
            match self.decoder.next_message() {
                Ok(None) => return Ok(None),
                Ok(Some(text)) => {
                    if let Some(result) = take_message(session, text) {
                        return Ok(Some(result));
                    }
                }
                Err(error) if error.fatal => return Err(error),
                Err(error) => log::warn!("{}: a message was left out: {error}", session.id),
            }
        }
    }

    async fn close(mut self, end: &End) {
        let last = match end {
            End::Malformed(error) => Some(Response::failed(None, error.retcode, &error.message)),
            End::Replaced => Some(Response::failed(
                None,
                Retcode::Refused,
                "another session of this host has taken this one's place",
            )),
            _ => None,
        };
        let mut bytes = self.outgoing.split_off(self.written);
        if let Some(last) = last {
            line(&last, &mut bytes);
        }
        let _ = timeout(LAST_WORDS, self.stream.write_all(&bytes)).await;
        goodbye(&mut *self.stream).await;
    }
}

/// Gives a result back; everything else is dealt with.
fn take_message(session: &Arc<Session>, text: &str) -> Option<Arrival> {
    let map = match parse_object(text) {
        Ok(map) => map,
        Err(error) => {
            log::warn!("{}: a message was left out: {error}", session.id);
            return None;
        }
    };
    let params = Params::new(&map);
    let text_of = |name| params.text(name).ok().flatten();
    let id = text_of("id");
    if let Some(method) = text_of("method") {
        match Arrival::parse(session, &map, || verbatim(text, &map)) {
            Ok(Some(result)) => return Some(result),
            Ok(None) => log::debug!("{}: message \"{}\" is not handled here", session.id, quote(method)),
            Err(error) => log::warn!("{}: a result can't be stored, and is not: {error}", session.id),
        }
        return None;
    }
    match (id, text_of("resp")) {
        (Some(id), Some("success" | "failed")) => {
            if !session.answer(id, || verbatim(text, &map)) {
                log::debug!("{}: nobody waits for the answer to \"{}\"", session.id, quote(id));
            }
        }
        (Some(id), Some("output")) => {
            let length = text_of("data").map_or(0, str::len);
            let bytes = if text_of("encoding").is_some() { length / 4 * 3 } else { length };
            session.output(id, || verbatim(text, &map), bytes as u64);
        }
        (None, Some(_)) => {
            let message = quote(text_of("message").unwrap_or_default());
            log::warn!("{}: the agent could not read a message: {message}", session.id);
        }
        _ => log::warn!("{}: a message is neither an answer nor a result", session.id),
    }
    None
}

/// The text as it came; written anew where it is JSON by the protocol's leniency alone.
fn verbatim(text: &str, map: &serde_json::Map<String, serde_json::Value>) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => serde_json::to_string(map).expect("a map of JSON values goes to memory"),
    }
}
