//! Netlink's framing (netlink(7)): what is asked, and messages and attributes taken apart.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

/// How large the kernel makes one batch of a dump at the most.
const BATCH_BYTES: usize = 64 << 10;
/// What is kept of one dump: a router with a full table has no end of routes.
const MAX_DUMP_BYTES: usize = 8 << 20;
/// How long the kernel may take; it answers at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a dump is begun again that was disturbed by a change.
const TRIES: usize = 4;

const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
/// NLM_F_REQUEST | NLM_F_DUMP.
const DUMP: u16 = 0x01 | 0x300;

/// A socket to the kernel.
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// The messages of one dump.
pub(crate) struct Dump {
    bytes: Vec<u8>,
    /// Whether there was more than is kept.
    pub(crate) truncated: bool,
}

impl Netlink {
    pub(crate) fn open(protocol: SockProtocol) -> io::Result<Self> {
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        let patience = TimeVal::new(i64::try_from(PATIENCE.as_secs()).unwrap_or(1), 0);
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// All objects of a kind: `request` is the message that follows the header.
    pub(crate) fn dump(&mut self, kind: u16, request: &[u8]) -> io::Result<Dump> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.dump_once(kind, request)? {
                (_, true) if tries > 0 => {}
                // Of the last one we take what there is.
                (dump, _) => return Ok(dump),
            }
        }
    }

    /// A dump, and whether what is dumped has changed meanwhile.
    fn dump_once(&mut self, kind: u16, request: &[u8]) -> io::Result<(Dump, bool)> {
        self.sequence += 1;
        let mut message = Vec::with_capacity(HEADER + request.len());
        let length = u32::try_from(HEADER + request.len()).map_err(|_| Errno::EMSGSIZE)?;
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&DUMP.to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0_u32.to_ne_bytes());
        message.extend_from_slice(request);
        send(self.socket.as_raw_fd(), &message, MsgFlags::empty())?;

        let mut dump = Dump { bytes: Vec::new(), truncated: false };
        let mut interrupted = false;
        let mut batch = vec![0; BATCH_BYTES];
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut batch, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                length => length?,
            };
            let batch = &batch[..length];
            for message in messages(batch).filter(|message| message.sequence == self.sequence) {
                interrupted |= message.flags & FLAG_DUMP_INTERRUPTED != 0;
                match message.kind {
                    DONE => return Ok((dump, interrupted)),
                    ERROR => {
                        let code = i32_at(message.payload, 0).unwrap_or(0);
                        return Err(io::Error::from_raw_os_error(code.saturating_neg()));
                    }
                    _ => {}
                }
            }
            if dump.bytes.len() + batch.len() <= MAX_DUMP_BYTES {
                dump.bytes.extend_from_slice(batch);
            } else {
                // The rest is left in the socket, which is closed soon.
                dump.truncated = true;
                return Ok((dump, false));
            }
        }
    }
}

impl Dump {
    /// The messages of this type.
    pub(crate) fn of(&self, kind: u16) -> impl Iterator<Item = &[u8]> {
        messages(&self.bytes).filter(move |message| message.kind == kind).map(|message| message.payload)
    }
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

/// Up to the first that is cut short.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let message = Message {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            sequence: u32_at(bytes, 8)?,
            payload: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes (length, type, value) of a message or of a nesting one; up to the first that is cut short.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        // The upper bits say that it nests, and in which byte order.
        let kind = u16_at(bytes, 2)? & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A text that ends in NUL.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_taken_apart_and_never_read_beyond() {
        let bytes = [5, 0, 3, 0, b'x', 0, 0, 0, 8, 0, 4, 0x80, 1, 2, 3, 4];
        let found: Vec<(u16, &[u8])> = attributes(&bytes).collect();
        if cfg!(target_endian = "little") {
            assert_eq!(found, [(3, &b"x"[..]), (4, &[1, 2, 3, 4][..])]);
        }
        for end in 0..bytes.len() {
            assert!(attributes(&bytes[..end]).count() <= 1);
        }
        // A length below that of its own head, and one of nothing.
        assert_eq!(attributes(&[3, 0, 1, 0, 0, 0]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(messages(&[0xff; 64]).count(), 0);
    }

    #[test]
    fn texts_end_at_nul() {
        assert_eq!(
            (text(b"eth0\0"), text(b"eth0"), text(b""), text(b"\xff\0")),
            ("eth0".into(), "eth0".into(), String::new(), "\u{fffd}".into())
        );
    }
}
