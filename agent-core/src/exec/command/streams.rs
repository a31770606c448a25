//! The pipes a command writes to.
//!
//! Captured output is bounded, and the command never blocks: bytes beyond the bound are read and
//! dropped. Streamed output goes to a reader, and a command that writes faster than the reader
//! reads waits, as on any pipe.

use std::cell::RefCell;
use std::future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use agent_sys::readiness;
use nix::errno::Errno;
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::unistd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::capture::{Capture, Captured};
use super::sink::{MAX_PIECE, OutputPiece, Sink};

/// Bytes read at once: the default capacity of a pipe (pipe(7)).
const READ: usize = 64 * 1024;

thread_local! {
    /// One buffer for all streams, used only within a poll. Its untouched pages cost nothing.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Standard output and, when the request separates it, standard error.
#[derive(Debug)]
pub(crate) struct Streams {
    stdout: Stream,
    stderr: Option<Stream>,
}

/// The ends of the pipes that the command gets.
#[derive(Debug)]
pub(crate) struct Writers {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: Option<OwnedFd>,
}

#[derive(Debug)]
struct Stream {
    /// `None` once it reached its end.
    pipe: Option<AsyncFd<OwnedFd>>,
    to: Destination,
    /// Bytes read so far.
    read: u64,
}

/// The destination of output.
#[derive(Debug)]
enum Destination {
    Capture(Capture),
    Sink(Sink),
}

impl Streams {
    /// Opens pipes that capture `max` bytes each, or, with a `reader`, send everything there.
    pub(crate) fn open(
        separate_stderr: bool,
        max: usize,
        reader: Option<&mpsc::Sender<OutputPiece>>,
    ) -> io::Result<(Self, Writers)> {
        let to = |stderr| match reader {
            Some(reader) => Destination::Sink(Sink::new(reader.clone(), stderr)),
            None => Destination::Capture(Capture::new(max)),
        };
        let (stdout, stdout_writer) = Stream::open(to(false))?;
        let (stderr, stderr_writer) =
            separate_stderr.then(|| Stream::open(to(true))).transpose()?.unzip();
        let writers = Writers { stdout: stdout_writer, stderr: stderr_writer };
        Ok((Self { stdout, stderr }, writers))
    }

    /// Reads until both reach their end, when no process holds them any more.
    pub(crate) async fn drain(&mut self) {
        future::poll_fn(|cx| self.poll(cx)).await;
    }

    /// Reads while `other` runs, and returns the result of `other`.
    pub(crate) async fn drain_during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        future::poll_fn(|cx| {
            // The other first: a flood of output must not delay a deadline.
            let done = other.as_mut().poll(cx);
            if done.is_pending() {
                let _ = self.poll(cx);
            }
            done
        })
        .await
    }

    /// After the command's end: returns when its output is captured or on its way to the reader.
    /// Does not wait for output that background children go on writing.
    pub(crate) async fn deliver(&mut self) {
        let bounds = [Some(&self.stdout), self.stderr.as_ref()]
            .map(|stream| stream.map_or(0, Stream::bound));
        future::poll_fn(|cx| {
            let _ = self.poll(cx);
            let streams = [Some(&self.stdout), self.stderr.as_ref()].into_iter().zip(bounds);
            let waits = |(stream, bound): (Option<&Stream>, u64)| {
                stream.is_some_and(|stream| stream.is_held_up() && stream.read < bound)
            };
            if streams.into_iter().any(waits) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Returns the captured output, and how much was dropped, including bytes left in the pipes
    /// because the reader did not take them.
    pub(crate) fn finish(self) -> (Captured, Option<Captured>) {
        (self.stdout.finish(), self.stderr.map(Stream::finish))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stdout = self.stdout.poll(cx);
        let stderr = self.stderr.as_mut().map_or(Poll::Ready(()), |stderr| stderr.poll(cx));
        if stdout.is_ready() { stderr } else { Poll::Pending }
    }
}

impl Destination {
    fn nothing_came(&mut self) {
        if let Self::Sink(sink) = self {
            sink.release();
        }
    }
}

impl Stream {
    fn open(to: Destination) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Ours only: the command's end blocks, as programs expect.
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let pipe = Some(readiness::watch(reader, Interest::READABLE)?);
        Ok((Self { pipe, to, read: 0 }, writer))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(pipe) = &self.pipe {
            let Ok(mut guard) = ready!(pipe.poll_read_ready(cx)) else {
                // The runtime is ending: nothing more will be read.
                self.pipe = None;
                break;
            };
            let most = match &mut self.to {
                Destination::Capture(_) => READ,
                Destination::Sink(sink) => {
                    ready!(sink.poll_place(cx));
                    MAX_PIECE
                }
            };
            match read(pipe.get_ref(), most, &mut self.to) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    guard.clear_ready();
                    self.to.nothing_came();
                }
                Ok(0) | Err(_) => {
                    self.pipe = None;
                    self.to.nothing_came();
                }
                Ok(length) => {
                    self.read += length as u64;
                    if length < most {
                        // A pipe returns everything it has; so it is empty now.
                        guard.clear_ready_matching(tokio::io::Ready::READABLE);
                    }
                }
            }
        }
        Poll::Ready(())
    }

    /// Returns whether there is output for which the reader has no place.
    fn is_held_up(&self) -> bool {
        self.pipe.is_some() && matches!(&self.to, Destination::Sink(sink) if sink.is_full())
    }

    /// Returns the most that `read` can be after reading everything in the pipe now.
    fn bound(&self) -> u64 {
        let size =
            |pipe: &AsyncFd<OwnedFd>| fcntl::fcntl(pipe.get_ref(), FcntlArg::F_GETPIPE_SZ).ok();
        let in_pipe = self.pipe.as_ref().and_then(size).and_then(|size| u64::try_from(size).ok());
        self.read + in_pipe.unwrap_or_default()
    }

    fn finish(mut self) -> Captured {
        let left = if self.is_held_up() { self.discard() } else { 0 };
        match self.to {
            Destination::Capture(capture) => capture.finish(),
            Destination::Sink(sink) => {
                Captured { bytes: Vec::new(), dropped: sink.dropped() + left }
            }
        }
    }

    /// Drops the bytes in the pipe and returns how many they were: of output written meanwhile, at
    /// most the capacity of a pipe.
    fn discard(&mut self) -> u64 {
        let before = self.read;
        let bound = self.bound();
        let Some(pipe) = &self.pipe else { return 0 };
        while self.read < bound {
            match read(pipe.get_ref(), READ, &mut Destination::Capture(Capture::new(0))) {
                Ok(length @ 1..) => self.read += length as u64,
                Err(Errno::EINTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
        self.read - before
    }
}

fn read(pipe: impl AsFd, most: usize, to: &mut Destination) -> Result<usize, Errno> {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.is_empty() {
            *buffer = vec![0; READ];
        }
        let length = unistd::read(pipe, buffer.get_mut(..most).unwrap_or_default())?;
        let bytes = buffer.get(..length).unwrap_or_default();
        match to {
            Destination::Capture(capture) => capture.push(bytes),
            // The end itself is not sent.
            Destination::Sink(_) if bytes.is_empty() => {}
            Destination::Sink(sink) => sink.push(bytes),
        }
        Ok(length)
    })
}
