//! One client's connection, plain or TLS, as the HTTP server uses it: a client that does not read is
//! disconnected, and the server's own errors have the form of all others.

use super::problem::ApiError;
use controller_api::{PROBLEM_JSON, Problem};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The time for a client to take any byte of a response.
const STALL: Duration = Duration::from_secs(20);

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    /// Due when the client has taken nothing for too long.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Everything that was written has left: the next byte begins a response.
    between: bool,
    /// A response of our own, and the part of it that the stream has taken.
    own: Option<(Vec<u8>, usize)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Wraps an accepted connection.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, stalled: None, between: true, own: None }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.stalled = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stalled(cx).map(Err),
        }
    }

    /// Waits until the client has taken nothing for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client took nothing of the response for too long",
        ))
    }

    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, sent)) = self.own.take() {
            if sent == bytes.len() {
                break;
            }
            match self.poll_send(cx, &bytes[sent..]) {
                Poll::Ready(Ok(count)) => self.own = Some((bytes, sent + count)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.own = Some((bytes, sent));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, space)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_own(cx))?;
        if self.between
            && let Some(problem) = problem_of(bytes)
        {
            self.between = false;
            self.own = Some((response(&problem), 0));
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(self.poll_send(cx, bytes))?;
        self.between = false;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(cx))?;
        self.between = true;
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.stalled = None;
                Poll::Ready(flushed)
            }
            // TLS has taken bytes that the client's side of the connection has no room for.
            Poll::Pending => self.poll_stalled(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Returns the problem for a response that the HTTP server wrote by itself, because it could not
/// read the request: a status without a body. Every response of ours has one.
fn problem_of(head: &[u8]) -> Option<Problem> {
    let head = std::str::from_utf8(head).ok()?.strip_prefix("HTTP/1.1 ")?;
    let without_body = head.ends_with("\r\n\r\n")
        && head.contains("\r\ncontent-length: 0\r\n")
        && !head.contains("\r\ncontent-type:");
    let error = match head.get(..3)? {
        _ if !without_body => return None,
        "400" => ApiError::InvalidRequest("the request is not valid HTTP/1.1".to_owned()),
        "414" => ApiError::TargetTooLong,
        "431" => ApiError::HeadTooLarge,
        _ => return None,
    };
    Some(error.problem())
}

fn response(problem: &Problem) -> Vec<u8> {
    let body = serde_json::to_string(problem).expect("text and a number go to memory");
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\nconnection: close\
         \r\n\r\n{body}",
        problem.status,
        problem.title,
        body.len()
    )
    .into_bytes()
}
