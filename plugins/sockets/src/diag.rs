//! TCP sockets by sock_diag(7), which selects them by state in the kernel. Reading /proc/net/tcp
//! takes some milliseconds even on a machine without connections: the kernel walks its whole table.

use std::io;
use std::net::IpAddr;

use readers::integer::{be_u16, ne_u32};
use readers::ip;
use readers::netlink::{Limits, Netlink, Request};

use crate::inet::Row;

/// SOCK_DIAG_BY_FAMILY, the type of the request and of its replies.
pub(crate) const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The length of struct inet_diag_req_v2.
const REQUEST: usize = 56;
/// The length of struct inet_diag_msg.
const REPLY: usize = 72;
/// IPPROTO_TCP.
const TCP: u8 = 6;
/// AF_INET6.
const INET6: u8 = 10;

/// Reads the TCP sockets of a family (2 or 10) whose state's bit is set in `states`; at most
/// `most`, the rest is ignored.
///
/// # Errors
/// The kernel has no sock_diag, or doesn't reply.
pub(crate) fn tcp(
    netlink: &mut Netlink,
    family: u8,
    states: u32,
    most: usize,
) -> io::Result<Vec<Row>> {
    let mut body = [0; REQUEST];
    (body[0], body[1]) = (family, TCP);
    body[4..8].copy_from_slice(&states.to_ne_bytes());
    let request = Request { kind: SOCK_DIAG_BY_FAMILY, reply: SOCK_DIAG_BY_FAMILY, body: &body };
    Ok(netlink.dump(request, Limits { items: most, bytes: usize::MAX }, parse)?.items)
}

/// Parses struct inet_diag_msg: family, state, …, ports and addresses in network order, …, queues,
/// uid, inode.
fn parse(message: &[u8]) -> Option<Row> {
    let message = message.get(..REPLY)?;
    let (family, state) = (message[0], message[1]);
    let length = if family == INET6 { 16 } else { 4 };
    let address = |at: usize| -> Option<IpAddr> { ip::from_bytes(message.get(at..at + length)?) };
    let mut row = Row {
        local: (address(8)?, be_u16(message, 4)?),
        remote: (address(24)?, be_u16(message, 6)?),
        state,
        rx_queue: ne_u32(message, 56)?.into(),
        tx_queue: ne_u32(message, 60)?.into(),
        uid: ne_u32(message, 64)?,
        inode: ne_u32(message, 68)?.into(),
    };
    if row.listens(false) {
        // For a listening socket this is the backlog that listen(2) was given, not bytes to send.
        row.tx_queue = 0;
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use readers::netlink::scripted::{Reply, netlink};

    /// A listening socket on 127.0.0.1:8080.
    fn message(inode: u32) -> [u8; REPLY] {
        let mut bytes = [0; REPLY];
        bytes[..8].copy_from_slice(&[2, 10, 0, 0, 0x1f, 0x90, 0, 0]);
        bytes[8..12].copy_from_slice(&[127, 0, 0, 1]);
        bytes[56..60].copy_from_slice(&3_u32.to_ne_bytes());
        bytes[60..64].copy_from_slice(&128_u32.to_ne_bytes());
        bytes[64..68].copy_from_slice(&33_u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&inode.to_ne_bytes());
        bytes
    }

    fn object(inode: u32) -> Reply {
        Reply::object(SOCK_DIAG_BY_FAMILY, &message(inode))
    }

    fn inodes(script: Vec<Vec<Reply>>, most: usize) -> Vec<u64> {
        let rows = tcp(&mut netlink(script), 2, u32::MAX, most).unwrap();
        rows.iter().map(|row| row.inode).collect()
    }

    #[test]
    fn messages_are_never_read_past_the_end() {
        let bytes = message(4711);
        let row = parse(&bytes).unwrap();
        assert_eq!((row.local, row.remote.1), ((IpAddr::from([127, 0, 0, 1]), 8080), 0));
        assert_eq!(
            (row.state, row.rx_queue, row.tx_queue, row.uid, row.inode),
            (10, 3, 0, 33, 4711)
        );
        for end in 0..REPLY {
            assert_eq!(parse(&bytes[..end]), None);
        }
    }

    #[test]
    fn an_interrupted_dump_is_requested_again() {
        let script = vec![
            vec![object(1), object(2).interrupted(), Reply::done()],
            vec![object(3), object(4), Reply::done()],
        ];
        assert_eq!(inodes(script, 10), [3, 4]);
    }

    #[test]
    fn replies_to_an_earlier_request_are_ignored() {
        let script = vec![vec![object(1).stale(), Reply::done().stale(), object(2), Reply::done()]];
        assert_eq!(inodes(script, 10), [2]);
    }

    #[test]
    fn no_more_sockets_than_wanted_are_read() {
        let script = vec![vec![object(1), object(2), object(3), Reply::done()]];
        assert_eq!(inodes(script, 2), [1, 2]);
        assert!(tcp(&mut netlink(vec![vec![Reply::error(2)]]), 2, u32::MAX, 2).is_err());
    }
}
