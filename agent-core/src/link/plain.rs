//! The connected socket. It discards white space between the plain exchange and TLS.
//!
//! A server ends `{"method":"accept"}` with a newline, which may arrive in a packet of its own
//! after the agent has begun TLS. JSON allows it there and TLS does not. TLS rejects anything else
//! that comes before the server's hello.

use super::Error;
use super::liveness::Liveness;
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How long one connection attempt may take (§1).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Seconds of silence before the kernel probes the peer, and between probes.
const KEEPALIVE_IDLE: u32 = 10;
const KEEPALIVE_INTERVAL: u32 = 5;
const KEEPALIVE_PROBES: u32 = 3;

/// A TCP connection to a server.
#[derive(Debug)]
pub(super) struct Plain {
    stream: TcpStream,
    liveness: Liveness,
    /// Whether white space is discarded, until the first other byte.
    skips_blanks: bool,
}

impl Plain {
    /// Connects and sets the options of §3: no delay, keep-alive, user time-out.
    pub(super) async fn connect(peer: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Connection { peer, source };
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(peer)).await {
            Ok(connected) => connected.map_err(failed)?,
            Err(_) => return Err(Error::TooSlow { peer, what: "the connection" }),
        };
        watch_for_death(&stream).map_err(failed)?;
        let liveness = Liveness::new(&stream).map_err(failed)?;
        Ok(Self { stream, liveness, skips_blanks: false })
    }

    /// Drops white space before the next byte that is none.
    pub(super) fn skip_blanks(&mut self) {
        self.skips_blanks = true;
    }
}

fn watch_for_death(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &KEEPALIVE_IDLE)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &KEEPALIVE_INTERVAL)?;
    setsockopt(stream, sockopt::TcpKeepCount, &KEEPALIVE_PROBES)?;
    Ok(())
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.liveness.poll(cx, &this.stream);
        loop {
            let before = buf.filled().len();
            match Pin::new(&mut self.stream).poll_read(cx, buf) {
                Poll::Ready(Ok(())) if self.skips_blanks && buf.filled().len() > before => {
                    let fresh = &mut buf.filled_mut()[before..];
                    let blanks = fresh.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                    let kept = fresh.len() - blanks;
                    fresh.copy_within(blanks.., 0);
                    buf.set_filled(before + kept);
                    if kept > 0 {
                        self.skips_blanks = false;
                        return Poll::Ready(Ok(()));
                    }
                }
                other => return other,
            }
        }
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            this.liveness.wrote(count);
        }
        this.liveness.poll(cx, &this.stream);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
