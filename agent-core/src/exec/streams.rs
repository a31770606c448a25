//! The pipes a command writes to, read as it writes and never waited for.
//!
//! A command never blocks on a full pipe: what does not fit the bound is read and dropped.

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

use super::capture::{Capture, Captured};

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
    capture: Capture,
}

impl Streams {
    /// New pipes; `max` bytes of each are kept.
    pub(crate) fn open(separate_stderr: bool, max: usize) -> io::Result<(Self, Writers)> {
        let (stdout, stdout_writer) = Stream::open(max)?;
        let (stderr, stderr_writer) = separate_stderr.then(|| Stream::open(max)).transpose()?.unzip();
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

    pub(crate) fn finish(self) -> (Captured, Option<Captured>) {
        (self.stdout.capture.finish(), self.stderr.map(|stderr| stderr.capture.finish()))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stdout = self.stdout.poll(cx);
        let stderr = self.stderr.as_mut().map_or(Poll::Ready(()), |stderr| stderr.poll(cx));
        if stdout.is_ready() { stderr } else { Poll::Pending }
    }
}

impl Stream {
    fn open(max: usize) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Ours only: the command's end blocks, as programs expect.
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let pipe = Some(readiness::watch(reader, Interest::READABLE)?);
        Ok((Self { pipe, capture: Capture::new(max) }, writer))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(pipe) = &self.pipe {
            let Ok(mut guard) = ready!(pipe.poll_read_ready(cx)) else {
                // The runtime is ending: nothing more will be read.
                self.pipe = None;
                break;
            };
            match read(pipe.get_ref(), &mut self.capture) {
                Err(Errno::EAGAIN) => guard.clear_ready(),
                Err(Errno::EINTR) => {}
                Ok(READ) => {}
                // A pipe gives what it has; with the end not yet said, it is empty now.
                Ok(length) if length > 0 => {
                    guard.clear_ready_matching(tokio::io::Ready::READABLE);
                }
                Ok(_) | Err(_) => self.pipe = None,
            }
        }
        Poll::Ready(())
    }
}

fn read(pipe: impl AsFd, capture: &mut Capture) -> Result<usize, Errno> {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.is_empty() {
            *buffer = vec![0; READ];
        }
        let length = unistd::read(pipe, buffer)?;
        capture.push(buffer.get(..length).unwrap_or_default());
        Ok(length)
    })
}
