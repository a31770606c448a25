//! The open channel: bytes in to the dispatcher, answers out, until one side ends it (§3).
//!
//! One loop does both directions. What is ready to go out goes out together, as few TLS records as it fits
//! in; a server that does not read stops being read, so what waits is bounded.

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

/// Bytes read at once: one TLS record's worth.
const READ_BYTES: usize = 16 << 10;

/// Unsent bytes beyond which nothing more is read or taken from the handlers.
const HIGH_WATER: usize = 1 << 20;

/// Unsent bytes beyond which pieces of output and results wait, so that an answer never has much before it.
const LOW_WATER: usize = 32 << 10;

/// The buffer kept while nothing is going out.
const IDLE_CAPACITY: usize = 16 << 10;

/// After so long without a message in either direction, twice as long at most, what the work took is given back, once.
const SETTLED: Duration = Duration::from_secs(5);

/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a channel ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The server said goodbye (TLS close_notify).
    Closed,
    /// It broke.
    Lost(io::Error),
    /// The server's bytes could not be followed any more.
    Garbage(Malformed),
    /// This agent is shutting down, or its configuration moved the link.
    Left,
    /// It asked for nothing for too long.
    Quiet,
}

/// Serves the channel. `decoder` may hold messages already; `moved` ends it from this side, and `patience` does where
/// the other end keeps it open and asks for nothing.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: Peer,
    decoder: Decoder,
    dispatcher: &Dispatcher,
    stopping: &mut Stopping,
    moved: impl Future<Output = ()>,
    patience: Option<Duration>,
) -> End {
    let (caller, waiting) = Caller::new(peer);
    let _connected = dispatcher.connected(&caller);
    let mut channel = Channel {
        decoder,
        dispatcher,
        caller,
        waiting,
        out: Vec::new(),
        sent: 0,
        flushed: true,
        garbage: None,
        buffer: vec![0; READ_BYTES].into_boxed_slice(),
        // What has been done so far (crontabs read, the handshake) is looked at once more when the channel has settled.
        stirred: true,
        heard: false,
    };
    channel.take_messages();
    let mut settling = Settling::default();
    let mut patience = patience.map(Patience::new);
    let mut left = pin!(async {
        tokio::select! {
            () = stopping.closing() => {}
            () = moved => {}
        }
    });
    let mut leaving = false;
    let end = poll_fn(|cx| {
        leaving = leaving || left.as_mut().poll(cx).is_ready();
        let end = channel.poll(cx, &mut stream);
        settling.poll(cx, &mut channel.stirred);
        if end.is_pending()
            && patience.as_mut().is_some_and(|patience| patience.poll(cx, &mut channel).is_ready())
        {
            return Poll::Ready(End::Quiet);
        }
        match end {
            Poll::Pending if leaving && channel.is_sent() => Poll::Ready(End::Left),
            other => other,
        }
    })
    .await;
    if !matches!(end, End::Lost(_)) {
        // Best effort: the peer may be gone, and the answers it did not take are lost with it either way.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, stream.shutdown()).await;
    }
    end
}

struct Channel<'a> {
    decoder: Decoder,
    dispatcher: &'a Dispatcher,
    caller: Caller,
    waiting: Outgoing,
    out: Vec<u8>,
    /// Of `out`, what TLS has taken.
    sent: usize,
    flushed: bool,
    /// The stream can't be followed: what is in `out` goes, then the channel ends.
    garbage: Option<Malformed>,
    buffer: Box<[u8]>,
    /// A message has come or gone since this was last looked at.
    stirred: bool,
    /// A message has come since this was last looked at.
    heard: bool,
}

/// Sees when the channel has settled. A timer stands only after something has moved: a quiet channel wakes nobody.
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

/// Sees when the other end has asked for nothing for a whole while, and nothing is owed to it.
struct Patience {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: Box::pin(sleep(limit)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, channel: &mut Channel<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if !std::mem::take(&mut channel.heard) && channel.caller.is_idle() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
    }
}

impl Channel<'_> {
    fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    fn is_sent(&self) -> bool {
        self.unsent() == 0 && self.flushed && self.waiting.replies.is_empty() && self.waiting.bulk.is_empty()
    }

    /// Moves what can be moved, until neither direction can go on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Poll<End> {
        loop {
            let more = self.take_lines(cx);
            let written = self.poll_write(cx, Pin::new(stream));
            // In the turn of the answers, and not between a server and what it waits for.
            self.dispatcher.flush_audit();
            if let Poll::Ready(Err(error)) = written {
                return Poll::Ready(End::Lost(error));
            }
            if self.garbage.is_some() {
                return match self.unsent() == 0 && self.flushed {
                    true => Poll::Ready(End::Garbage(self.garbage.take().expect("checked above"))),
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
                Ok(0) => return Poll::Ready(End::Closed),
                Ok(_) => self.take_messages(),
                Err(error) => return Poll::Ready(End::Lost(error)),
            }
        }
    }

    /// Takes what waits to go out, answers first. Whether there may be more, which then wakes nobody.
    fn take_lines(&mut self, cx: &mut Context<'_>) -> bool {
        while self.unsent() < HIGH_WATER {
            let Poll::Ready(Some(answer)) = self.waiting.replies.poll_recv(cx) else {
                return self.take_bulk(cx);
            };
            match self.out.is_empty() {
                // A large answer is not copied.
                true => self.out = answer,
                false => self.out.extend_from_slice(&answer),
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

    /// Hands every whole message to the dispatcher; what it answers at once goes straight to `out`.
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
