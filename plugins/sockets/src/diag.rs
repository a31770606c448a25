//! TCP sockets of sock_diag(7), which the kernel chooses by state: /proc/net/tcp goes through the table of all
//! connections, some milliseconds on a machine that has none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::inet::Row;

/// How large the kernel makes one batch at the most.
const BATCH_BYTES: usize = 64 << 10;
/// How long the kernel may take; it answers at once.
const PATIENCE_SECONDS: i64 = 2;

const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
const ANSWER: usize = 72;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// NLM_F_REQUEST | NLM_F_DUMP.
const DUMP: u16 = 0x01 | 0x300;
const TCP: u8 = 6;
const INET6: u8 = 10;

/// All TCP sockets of a family (2 or 10) whose state's bit is set in `states`, `most` of them at the most.
pub(crate) fn tcp(family: u8, states: u32, most: usize) -> io::Result<Vec<Row>> {
    let socket =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE_SECONDS, 0))?;
    // The header: length, type, flags, sequence number, port; then struct inet_diag_req_v2.
    let mut request = [0; REQUEST];
    request[..4].copy_from_slice(&u32::try_from(REQUEST).unwrap_or(0).to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    request[HEADER] = family;
    request[HEADER + 1] = TCP;
    request[HEADER + 4..HEADER + 8].copy_from_slice(&states.to_ne_bytes());
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    receive(&socket, most)
}

fn receive(socket: &OwnedFd, most: usize) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut batch = vec![0; BATCH_BYTES];
    loop {
        let length = match recv(socket.as_raw_fd(), &mut batch, MsgFlags::empty()) {
            Err(Errno::EINTR) => continue,
            length => length?,
        };
        let mut rest = &batch[..length];
        while let Some((kind, payload, after)) = message(rest) {
            match kind {
                DONE => return Ok(rows),
                ERROR => {
                    let code =
                        payload.get(..4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
                    return Err(io::Error::from_raw_os_error(code.saturating_neg()));
                }
                _ if rows.len() >= most => return Ok(rows),
                _ => rows.extend(parse(payload)),
            }
            rest = after;
        }
    }
}

/// The first message's type and payload, and what follows it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, bytes.get(HEADER..length)?, after))
}

/// struct inet_diag_msg: family, state, …, ports and addresses in network order, …, queues, uid, inode.
fn parse(message: &[u8]) -> Option<Row> {
    let message = message.get(..ANSWER)?;
    let (family, state) = (message[0], message[1]);
    let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let address = |at: usize| -> Option<IpAddr> {
        if family == INET6 {
            return Some(Ipv6Addr::from(<[u8; 16]>::try_from(message.get(at..at + 16)?).ok()?).into());
        }
        Some(Ipv4Addr::from(<[u8; 4]>::try_from(message.get(at..at + 4)?).ok()?).into())
    };
    let mut row = Row {
        local: (address(8)?, port(4)),
        remote: (address(24)?, port(6)),
        state,
        rx_queue: u32_at(message, 56)?.into(),
        tx_queue: u32_at(message, 60)?.into(),
        uid: u32_at(message, 64)?,
        inode: u32_at(message, 68)?.into(),
    };
    if row.listens(false) {
        // What listen(2) asked for here; nothing is sent.
        row.tx_queue = 0;
    }
    Some(row)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_never_beyond() {
        let mut bytes = [0; ANSWER];
        bytes[..8].copy_from_slice(&[2, 10, 0, 0, 0x1f, 0x90, 0, 0]);
        bytes[8..12].copy_from_slice(&[127, 0, 0, 1]);
        bytes[56..60].copy_from_slice(&3_u32.to_ne_bytes());
        bytes[60..64].copy_from_slice(&128_u32.to_ne_bytes());
        bytes[64..68].copy_from_slice(&33_u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&4711_u32.to_ne_bytes());
        let row = parse(&bytes).unwrap();
        assert_eq!((row.local, row.remote.1), ((IpAddr::from([127, 0, 0, 1]), 8080), 0));
        assert_eq!((row.state, row.rx_queue, row.tx_queue, row.uid, row.inode), (10, 3, 0, 33, 4711));
        for end in 0..ANSWER {
            assert_eq!(parse(&bytes[..end]), None);
        }
        assert!(message(&[0; 64]).is_none() && message(&[0xff; 64]).is_none() && message(&[]).is_none());
    }
}
