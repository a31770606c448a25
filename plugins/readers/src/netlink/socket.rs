//! A netlink socket and the dumps that it receives.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

use super::message::{Message, encode, messages};
use crate::integer::ne_i32;

/// The largest datagram that the kernel writes a dump into.
const DATAGRAM_BYTES: usize = 64 << 10;
/// How long the kernel may take for one datagram; it replies at once.
const PATIENCE_SECONDS: i64 = 2;
/// How often a dump is requested if each is interrupted by a change; the last is taken as it is.
pub(super) const TRIES: usize = 4;

/// NLMSG_ERROR.
pub(super) const ERROR: u16 = 2;
/// NLMSG_DONE.
pub(super) const DONE: u16 = 3;
/// NLM_F_DUMP_INTR: the table changed while it was written.
pub(super) const INTERRUPTED: u16 = 0x10;
/// NLM_F_REQUEST | NLM_F_DUMP.
const DUMP: u16 = 0x01 | 0x300;

/// A socket to one of the kernel's netlink families.
pub struct Netlink {
    socket: OwnedFd,
    /// Opens another socket, where replies were left unread in this one.
    protocol: Option<SockProtocol>,
    sequence: u32,
    has_unread: bool,
    /// The other end, where a test keeps it open.
    #[cfg(any(test, feature = "testing"))]
    pub(super) peer: Option<OwnedFd>,
}

/// A request for all objects of a kind.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The type of the request's message.
    pub kind: u16,
    /// The type of the messages that reply to it.
    pub reply: u16,
    /// The request's body, which follows the header.
    pub body: &'a [u8],
}

/// The bounds of one dump.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The most items that are kept.
    pub items: usize,
    /// The most bytes that are received.
    pub bytes: usize,
}

/// The outcome of one dump.
#[derive(Debug)]
pub struct Dump<T> {
    /// The items, in the kernel's order.
    pub items: Vec<T>,
    /// Whether the dump reached one of its limits: there may be more items.
    pub truncated: bool,
}

impl Netlink {
    /// Opens a socket.
    ///
    /// # Errors
    /// The kernel doesn't have this family, or a filter of system calls forbids it.
    pub fn open(protocol: SockProtocol) -> io::Result<Self> {
        Ok(Self {
            socket: connect(protocol)?,
            protocol: Some(protocol),
            sequence: 0,
            has_unread: false,
            #[cfg(any(test, feature = "testing"))]
            peer: None,
        })
    }

    /// A socket whose other end a test plays.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn over(socket: OwnedFd) -> Self {
        Self { socket, protocol: None, sequence: 0, has_unread: false, peer: None }
    }

    /// Requests a dump and passes the body of each reply to `parse`; a reply that it returns `None`
    /// for is left out. A dump that the kernel reports as interrupted is requested again, four
    /// times in all; `parse` then sees the replies of each.
    ///
    /// # Errors
    /// The kernel rejects the request, such as one for a family it was built without, or doesn't
    /// reply within two seconds.
    pub fn dump<T>(
        &mut self,
        request: Request<'_>,
        limits: Limits,
        mut parse: impl FnMut(&[u8]) -> Option<T>,
    ) -> io::Result<Dump<T>> {
        if let Some(protocol) = self.protocol.filter(|_| self.has_unread) {
            self.socket = connect(protocol)?;
            self.has_unread = false;
        }
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.dump_once(request, limits, &mut parse)? {
                (_, true) if tries > 0 => {}
                (dump, _) => return Ok(dump),
            }
        }
    }

    /// Returns a dump, and whether it was interrupted.
    fn dump_once<T>(
        &mut self,
        request: Request<'_>,
        limits: Limits,
        mut parse: impl FnMut(&[u8]) -> Option<T>,
    ) -> io::Result<(Dump<T>, bool)> {
        self.sequence += 1;
        let message =
            encode(request.kind, DUMP, self.sequence, request.body).ok_or(Errno::EMSGSIZE)?;
        send(self.socket.as_raw_fd(), &message, MsgFlags::empty())?;

        let mut dump = Dump { items: Vec::new(), truncated: false };
        let mut interrupted = false;
        let mut received = 0;
        let mut datagram = vec![0; DATAGRAM_BYTES];
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut datagram, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => length?,
            };
            received += length;
            if received > limits.bytes {
                dump.truncated = true;
            }
            // A reply to an earlier request has another sequence number.
            for message in
                messages(&datagram[..length]).filter(|reply| reply.sequence == self.sequence)
            {
                interrupted |= message.flags & INTERRUPTED != 0;
                match message.kind {
                    DONE => return Ok((dump, interrupted)),
                    ERROR => return Err(error(&message)),
                    kind if kind == request.reply && !dump.truncated => {
                        match parse(message.payload) {
                            Some(item) if dump.items.len() < limits.items => dump.items.push(item),
                            Some(_) => dump.truncated = true,
                            None => {}
                        }
                    }
                    _ => {}
                }
            }
            if dump.truncated {
                self.has_unread = true;
                return Ok((dump, false));
            }
        }
    }
}

fn connect(protocol: SockProtocol) -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE_SECONDS, 0))?;
    Ok(socket)
}

/// The kernel's negative errno at the beginning of an error's body.
fn error(message: &Message<'_>) -> io::Error {
    io::Error::from_raw_os_error(ne_i32(message.payload, 0).unwrap_or(0).saturating_neg())
}
