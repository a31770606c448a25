//! Tells a server that reads slowly from one that has vanished (§3).
//!
//! The kernel ends a connection whose bytes stay unacknowledged for TCP_USER_TIMEOUT. It counts the
//! time during which the server's receive window is closed too (tcp(7)), although a server that
//! acknowledges the probes of its window is alive (RFC 9293 §3.8.6.1: the connection must stay
//! open). So while bytes wait and the server acknowledges probes, the time-out is moved on. It is
//! not switched off: the kernel sends its next probe before the time-out, so a near time-out keeps
//! the probes frequent.

use agent_sys::tcp;
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long sent bytes may stay unacknowledged. Together with the keep-alive's idle time, a
/// vanished server is noticed within 30 s.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Between two looks at a connection where bytes wait.
const TICK: Duration = Duration::from_secs(1);

/// How far the time-out is kept ahead: the longest time between two probes.
const AHEAD: Duration = Duration::from_secs(10);

/// A server that acknowledged a probe this recently is alive: a probe's time, and some for the way.
const ALIVE: Duration = Duration::from_secs(15);

/// Watches one connection. Its timer runs only while written bytes are not acknowledged.
#[derive(Debug)]
pub(super) struct Liveness {
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes written, and how many of them were acknowledged when last looked.
    written: u64,
    acknowledged: u64,
    /// When the server's window was last seen to take bytes.
    progress: Instant,
    timeout: Duration,
}

impl Liveness {
    /// Sets the time-out of a new connection.
    pub(super) fn new(stream: &TcpStream) -> io::Result<Self> {
        set_timeout(stream, USER_TIMEOUT)?;
        let progress = Instant::now();
        Ok(Self { timer: None, written: 0, acknowledged: 0, progress, timeout: USER_TIMEOUT })
    }

    /// Notes bytes that the kernel has taken.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        if self.timer.is_none() {
            self.progress = Instant::now();
            self.timer = Some(Box::pin(sleep(TICK)));
        }
    }

    /// Looks at the connection when it is time to, and wakes the task when it is time again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stream: &TcpStream) {
        while let Some(timer) = &mut self.timer {
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            // A socket that cannot be asked keeps the kernel's time-out.
            match self.look(stream) {
                Ok(true) => self.timer = Some(Box::pin(sleep(TICK))),
                Ok(false) | Err(_) => self.timer = None,
            }
        }
    }

    /// Moves the time-out on if the server is alive. Returns whether bytes still wait.
    fn look(&mut self, stream: &TcpStream) -> io::Result<bool> {
        let waiting = tcp::unacknowledged(stream)?;
        let acknowledged = self.written.saturating_sub(waiting);
        if waiting == 0 || acknowledged != self.acknowledged {
            self.acknowledged = acknowledged;
            self.progress = Instant::now();
        }
        // Up to a tick longer than the kernel has counted.
        let closed = self.progress.elapsed() + TICK;
        let timeout = USER_TIMEOUT.max(closed + AHEAD);
        if timeout == USER_TIMEOUT || tcp::silent_for(stream)? < ALIVE {
            if timeout != self.timeout {
                set_timeout(stream, timeout)?;
            }
            self.timeout = timeout;
        }
        Ok(waiting > 0)
    }
}

fn set_timeout(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    Ok(setsockopt(stream, sockopt::TcpUserTimeout, &milliseconds)?)
}
