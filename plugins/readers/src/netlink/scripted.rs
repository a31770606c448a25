//! A kernel for tests, which replies to dumps by a script.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread;

use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, recv, send, setsockopt, shutdown,
    socketpair, sockopt,
};
use nix::sys::time::TimeVal;

use super::Netlink;
use super::message::{encode, messages};
use super::socket::{DONE, ERROR, INTERRUPTED};

/// One datagram of a single message.
#[derive(Debug, Clone)]
pub struct Reply {
    kind: u16,
    flags: u16,
    /// How many requests ago the request was that this replies to.
    age: u32,
    body: Vec<u8>,
}

impl Reply {
    /// A message that carries an object.
    #[must_use]
    pub fn object(kind: u16, body: &[u8]) -> Self {
        Self { kind, flags: 0, age: 0, body: body.to_vec() }
    }

    /// The end of a dump.
    #[must_use]
    pub fn done() -> Self {
        Self::object(DONE, &[0; 4])
    }

    /// The rejection of a request, with an errno.
    #[must_use]
    pub fn error(errno: i32) -> Self {
        Self::object(ERROR, &(-errno).to_ne_bytes())
    }

    /// The same message, with the flag that the table changed.
    #[must_use]
    pub fn interrupted(mut self) -> Self {
        self.flags = INTERRUPTED;
        self
    }

    /// The same message, as a reply to the request before.
    #[must_use]
    pub fn stale(mut self) -> Self {
        self.age = 1;
        self
    }
}

/// Returns a socket whose other end replies to each request with the next element of `script`.
/// After the last, and to a request that isn't a dump's, it is silent: a read fails after two
/// seconds.
///
/// # Panics
/// This machine has no socket pairs.
#[must_use]
pub fn netlink(script: Vec<Vec<Reply>>) -> Netlink {
    let (ours, kernel) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .expect("a socket pair");
    setsockopt(&ours, sockopt::ReceiveTimeout, &TimeVal::new(2, 0)).expect("a timeout");
    thread::spawn(move || play(&kernel, script));
    Netlink::over(ours)
}

/// Returns a socket that holds replies to one request, whatever they are: datagrams, each after its
/// length in two bytes (big-endian). After them it is closed.
///
/// # Panics
/// This machine has no socket pairs.
#[must_use]
pub fn replay(mut replies: &[u8]) -> Netlink {
    let (ours, kernel) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .expect("a socket pair");
    while let Some((length, rest)) = replies.split_first_chunk() {
        let (datagram, rest) = rest.split_at(rest.len().min(u16::from_be_bytes(*length).into()));
        replies = rest;
        // An empty datagram would be the end.
        if datagram.is_empty()
            || send(kernel.as_raw_fd(), datagram, MsgFlags::MSG_DONTWAIT).is_err()
        {
            break;
        }
    }
    let _ = shutdown(kernel.as_raw_fd(), Shutdown::Write);
    let mut netlink = Netlink::over(ours);
    netlink.peer = Some(kernel);
    netlink
}

fn play(socket: &OwnedFd, script: Vec<Vec<Reply>>) {
    let mut request = [0; 4096];
    for replies in script {
        let Ok(length) = recv(socket.as_raw_fd(), &mut request, MsgFlags::empty()) else { return };
        let Some(sequence) = messages(&request[..length]).next().map(|message| message.sequence)
        else {
            return;
        };
        for reply in replies {
            let sequence = sequence.wrapping_sub(reply.age);
            let Some(message) = encode(reply.kind, reply.flags, sequence, &reply.body) else {
                return;
            };
            if send(socket.as_raw_fd(), &message, MsgFlags::MSG_NOSIGNAL).is_err() {
                return;
            }
        }
    }
    // Kept open, so that the caller waits as it would for a kernel.
    let _ = recv(socket.as_raw_fd(), &mut request, MsgFlags::empty());
    let _ = recv(socket.as_raw_fd(), &mut request, MsgFlags::empty());
}
