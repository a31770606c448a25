//! The loop that serves one channel or local connection: bytes in to the dispatcher, replies out,
//! until one side ends it (§3).
//!
//! `link` and `local` call it. One loop does both directions. Lines that are ready go out together,
//! in as few TLS records as they fit in. A caller that does not read is no longer read from, so
//! the queue is bounded.

use crate::caller::{Caller, Outgoing, Peer};
use crate::dispatch::Dispatcher;
use crate::shutdown::Stopping;
use agent_wire::{Decoder, Malformed};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Bytes read at once, the size of a TLS record.
const READ_BYTES: usize = 16 << 10;

/// Unsent bytes beyond which the loop reads nothing more and takes nothing more from the handlers.
const HIGH_WATER: usize = 1 << 20;

/// Unsent bytes beyond which output and results wait, so that a reply never waits behind much of
/// them.
const LOW_WATER: usize = 32 << 10;

/// The largest buffer kept while nothing goes out.
const IDLE_CAPACITY: usize = 16 << 10;

/// The memory that work took is returned once, after this long without a message in either
/// direction, or twice as long at most.
const SETTLED: Duration = Duration::from_secs(5);

/// How long closing the stream may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a session ended.
#[derive(Debug)]
pub(crate) enum SessionEnd {
    /// The other end closed it (TLS close_notify).
    Closed,
    /// The connection broke.
    Lost(io::Error),
    /// Its bytes could no longer be split into messages.
    Garbage(Malformed),
    /// This agent shuts down, or its configuration moved the link.
    Left,
    /// The other end sent no request for too long.
    Quiet,
}

/// When this end leaves a session.
pub(crate) struct Leaving<M, I> {
    /// Now, once the replies that are ready have gone out.
    pub(crate) at_once: M,
    /// As soon as no request of the session is being worked on.
    pub(crate) when_idle: I,
}

/// Serves a connection until it ends. `decoder` may hold messages already. `leaving` ends the
/// session from this side, and so does `patience` where the other end keeps it open and sends no request.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: Peer,
    decoder: Decoder,
    dispatcher: &Dispatcher,
    stopping: &mut Stopping,
    leaving: Leaving<impl Future<Output = ()>, impl Future<Output = ()>>,
    patience: Option<Duration>,
) -> SessionEnd {
    let (caller, waiting) = Caller::new(peer);
    let _connected = dispatcher.connected(&caller);
    let holders = caller.holders();
    let mut session = Session {
        decoder,
        dispatcher,
        caller,
        waiting,
        out: Vec::new(),
        sent: 0,
        flushed: true,
        garbage: None,
        buffer: vec![0; READ_BYTES].into_boxed_slice(),
        // The start and the handshake took memory, which is returned once the session has settled.
        stirred: true,
        heard: false,
    };
    session.take_messages();
    let mut settling = Settling::default();
    let mut patience = patience.map(Patience::new);
    let mut left = pin!(async {
        tokio::select! {
            () = stopping.closing() => {}
            () = leaving.at_once => {}
        }
    });
    let mut when_idle = pin!(leaving.when_idle);
    let (mut leaving, mut quiet_moment) = (false, false);
    let end = poll_fn(|cx| {
        leaving = leaving || left.as_mut().poll(cx).is_ready();
        quiet_moment = quiet_moment || when_idle.as_mut().poll(cx).is_ready();
        let end = session.poll(cx, &mut stream);
        settling.poll(cx, &mut session.stirred);
        if end.is_pending()
            && patience.as_mut().is_some_and(|patience| patience.poll(cx, &mut session).is_ready())
        {
            return Poll::Ready(SessionEnd::Quiet);
        }
        match end {
            Poll::Pending
                if (leaving || (quiet_moment && session.caller.holders() <= holders))
                    && session.is_sent() =>
            {
                Poll::Ready(SessionEnd::Left)
            }
            other => other,
        }
    })
    .await;
    if !matches!(end, SessionEnd::Lost(_)) {
        // Best effort: the peer may be gone, and the replies that it did not take are lost either
        // way.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, stream.shutdown()).await;
    }
    end
}

struct Session<'a> {
    decoder: Decoder,
    dispatcher: &'a Dispatcher,
    caller: Caller,
    waiting: Outgoing,
    out: Vec<u8>,
    /// How much of `out` the stream has taken.
    sent: usize,
    flushed: bool,
    /// Why the bytes can't be split into messages: `out` is sent, then the session ends.
    garbage: Option<Malformed>,
    buffer: Box<[u8]>,
    /// Whether a message has come or gone since the last check.
    stirred: bool,
    /// Whether a message has come since the last check.
    heard: bool,
}

/// Returns memory once the session has settled. Its timer runs only after something has moved, so a
/// quiet session wakes nobody.
#[derive(Default)]
struct Settling(Option<Pin<Box<Sleep>>>);

impl Settling {
    fn poll(&mut self, cx: &mut Context<'_>, stirred: &mut bool) {
        loop {
            match &mut self.0 {
                None if !std::mem::take(stirred) => return,
                None => self.0 = Some(Box::pin(sleep(SETTLED))),
                Some(timer) => {
                    if timer.as_mut().poll(cx).is_pending() {
                        return;
                    }
                    self.0 = None;
                    if !*stirred {
                        return agent_sys::memory::give_back();
                    }
                }
            }
        }
    }
}

/// Notices that the other end has sent no request for a while and waits for no reply.
struct Patience {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: Box::pin(sleep(limit)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if !std::mem::take(&mut session.heard) && session.caller.is_idle() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
    }
}

impl Session<'_> {
    fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    fn is_sent(&self) -> bool {
        self.unsent() == 0
            && self.flushed
            && self.waiting.replies.is_empty()
            && self.waiting.bulk.is_empty()
    }

    /// Reads and writes until neither direction can go on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Poll<SessionEnd> {
        loop {
            let more = self.take_lines(cx);
            let written = self.poll_write(cx, Pin::new(stream));
            // In the same turn as the replies, and not before them.
            self.dispatcher.flush_audit();
            if let Poll::Ready(Err(error)) = written {
                return Poll::Ready(SessionEnd::Lost(error));
            }
            if self.garbage.is_some() {
                return match self.unsent() == 0 && self.flushed {
                    true => Poll::Ready(SessionEnd::Garbage(
                        self.garbage.take().expect("checked above"),
                    )),
                    false => Poll::Pending,
                };
            }
            if self.unsent() >= HIGH_WATER {
                return Poll::Pending;
            }
            if more && self.unsent() == 0 {
                continue;
            }
            match ready!(self.poll_read(cx, Pin::new(stream))) {
                Ok(0) => return Poll::Ready(SessionEnd::Closed),
                Ok(_) => self.take_messages(),
                Err(error) => return Poll::Ready(SessionEnd::Lost(error)),
            }
        }
    }

    /// Takes the lines that wait, replies first. Returns whether more may be ready, which then
    /// wakes nobody.
    fn take_lines(&mut self, cx: &mut Context<'_>) -> bool {
        while self.unsent() < HIGH_WATER {
            let Poll::Ready(Some(reply)) = self.waiting.replies.poll_recv(cx) else {
                return self.take_bulk(cx);
            };
            match self.out.is_empty() {
                // A large reply is not copied.
                true => self.out = reply,
                false => self.out.extend_from_slice(&reply),
            }
            self.stirred = true;
        }
        true
    }

    fn take_bulk(&mut self, cx: &mut Context<'_>) -> bool {
        while self.unsent() < LOW_WATER {
            let Poll::Ready(Some(line)) = self.waiting.bulk.poll_recv(cx) else { return false };
            self.out.extend_from_slice(&line);
            self.stirred = true;
        }
        true
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            self.flushed = false;
            match ready!(stream.as_mut().poll_write(cx, &self.out[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        self.out.clear();
        self.out.shrink_to(IDLE_CAPACITY);
        self.sent = 0;
        if !self.flushed {
            ready!(stream.poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: Pin<&mut impl AsyncRead>,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(stream.poll_read(cx, &mut buffer))?;
        self.decoder.push(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Hands every whole message to the dispatcher; replies that are ready go straight to `out`.
    fn take_messages(&mut self) {
        loop {
            match self.decoder.next_message() {
                Ok(None) => return,
                Ok(Some(text)) => {
                    (self.stirred, self.heard) = (true, true);
                    self.dispatcher.handle(text, &self.caller, &mut self.out);
                }
                Err(error) => {
                    self.dispatcher.malformed(&error, &self.caller, &mut self.out);
                    if error.fatal {
                        self.garbage = Some(error);
                        return;
                    }
                }
            }
        }
    }
}
