//! The pipes a command writes to, read as it writes and never waited for.
//!
//! Kept up to a bound, and then a command never blocks on a full pipe: what does not fit is read and dropped. Or
//! handed on in pieces, and then a command that writes faster than its reader reads waits, as on any pipe.

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
use super::sink::{MAX_PIECE, Piece, Sink};

/// Bytes read at once: what a pipe holds by default (pipe(7)).
const READ: usize = 64 * 1024;

thread_local! {
    /// One buffer for all streams: used within a poll only. Untouched pages of it cost nothing.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Standard output and, when asked for apart, standard error.
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
    /// `None` once it is at its end.
    pipe: Option<AsyncFd<OwnedFd>>,
    to: To,
    /// Bytes read so far.
    read: u64,
}

/// Where output goes.
#[derive(Debug)]
enum To {
    Capture(Capture),
    Sink(Sink),
}

impl Streams {
    /// New pipes; `max` bytes of each are kept, or with a `reader` all goes there and nothing is kept.
    pub(crate) fn open(
        separate_stderr: bool,
        max: usize,
        reader: Option<&mpsc::Sender<Piece>>,
    ) -> io::Result<(Self, Writers)> {
        let to = |stderr| match reader {
            Some(reader) => To::Sink(Sink::new(reader.clone(), stderr)),
            None => To::Capture(Capture::new(max)),
        };
        let (stdout, stdout_writer) = Stream::open(to(false))?;
        let (stderr, stderr_writer) = separate_stderr.then(|| Stream::open(to(true))).transpose()?.unzip();
        let writers = Writers { stdout: stdout_writer, stderr: stderr_writer };
        Ok((Self { stdout, stderr }, writers))
    }

    /// Reads until both are at their end: when no process holds them any more.
    pub(crate) async fn drain(&mut self) {
        future::poll_fn(|cx| self.poll(cx)).await;
    }

    /// Reads while `other` goes on, and comes back with what that comes to.
    pub(crate) async fn drain_during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        future::poll_fn(|cx| {
            // The other first: a flood of output must not hold up a deadline.
            let done = other.as_mut().poll(cx);
            if done.is_pending() {
                let _ = self.poll(cx);
            }
            done
        })
        .await
    }

    /// After the command's end: comes back when what it has written is kept or on its way to the reader. What others
    /// go on writing is not waited for.
    pub(crate) async fn deliver(&mut self) {
        let bounds = [Some(&self.stdout), self.stderr.as_ref()].map(|stream| stream.map_or(0, Stream::bound));
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

    /// What was kept, and how much was not; what is still in the pipes because the reader did not take it counts.
    pub(crate) fn finish(self) -> (Captured, Option<Captured>) {
        (self.stdout.finish(), self.stderr.map(Stream::finish))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stdout = self.stdout.poll(cx);
        let stderr = self.stderr.as_mut().map_or(Poll::Ready(()), |stderr| stderr.poll(cx));
        if stdout.is_ready() { stderr } else { Poll::Pending }
    }
}

impl To {
    fn nothing_came(&mut self) {
        if let Self::Sink(sink) = self {
            sink.release();
        }
    }
}

impl Stream {
    fn open(to: To) -> io::Result<(Self, OwnedFd)> {
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
                To::Capture(_) => READ,
                To::Sink(sink) => {
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
                        // A pipe gives what it has; with the end not yet said, it is empty now.
                        guard.clear_ready_matching(tokio::io::Ready::READABLE);
                    }
                }
            }
        }
        Poll::Ready(())
    }

    /// Whether there is output that its reader has no place for.
    fn is_held_up(&self) -> bool {
        self.pipe.is_some() && matches!(&self.to, To::Sink(sink) if sink.is_full())
    }

    /// What `read` comes to, at most, when all that is in the pipe now has been read.
    fn bound(&self) -> u64 {
        let size = |pipe: &AsyncFd<OwnedFd>| fcntl::fcntl(pipe.get_ref(), FcntlArg::F_GETPIPE_SZ).ok();
        let in_pipe = self.pipe.as_ref().and_then(size).and_then(|size| u64::try_from(size).ok());
        self.read + in_pipe.unwrap_or_default()
    }

    fn finish(mut self) -> Captured {
        let left = if self.is_held_up() { self.discard() } else { 0 };
        match self.to {
            To::Capture(capture) => capture.finish(),
            To::Sink(sink) => Captured { bytes: Vec::new(), dropped: sink.dropped() + left },
        }
    }

    /// Reads what is in the pipe, for nobody: how much it was. Of what others write meanwhile, no more than a pipe holds.
    fn discard(&mut self) -> u64 {
        let before = self.read;
        let bound = self.bound();
        let Some(pipe) = &self.pipe else { return 0 };
        while self.read < bound {
            match read(pipe.get_ref(), READ, &mut To::Capture(Capture::new(0))) {
                Ok(length @ 1..) => self.read += length as u64,
                Err(Errno::EINTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
        self.read - before
    }
}

fn read(pipe: impl AsFd, most: usize, to: &mut To) -> Result<usize, Errno> {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.is_empty() {
            *buffer = vec![0; READ];
        }
        let length = unistd::read(pipe, buffer.get_mut(..most).unwrap_or_default())?;
        let bytes = buffer.get(..length).unwrap_or_default();
        match to {
            To::Capture(capture) => capture.push(bytes),
            // At the end nothing goes to the reader.
            To::Sink(_) if bytes.is_empty() => {}
            To::Sink(sink) => sink.push(bytes),
        }
        Ok(length)
    })
}
