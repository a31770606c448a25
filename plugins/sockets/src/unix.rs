//! Unix domain sockets by sock_diag(7): one message per socket, whatever its name.
//!
//! /proc/net/unix is not read, not even without sock_diag: a name may hold any byte, line ends
//! included, so that any user could add rows to that file.

use std::io;

use readers::escape::{hex_encoded, push_hex};
use readers::integer::ne_u32;
use readers::netlink::{Limits, Netlink, Request, attributes};

use crate::diag::SOCK_DIAG_BY_FAMILY;
use crate::inet::LISTEN;

/// AF_UNIX.
const UNIX: u8 = 1;
/// The length of struct unix_diag_req.
const REQUEST: usize = 24;
/// The length of struct unix_diag_msg.
const REPLY: usize = 16;
/// UDIAG_SHOW_NAME.
const SHOW_NAME: u32 = 1;
/// UNIX_DIAG_NAME.
const NAME: u16 = 0;

/// One socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The type: `stream`, `dgram` or `seqpacket`.
    pub(crate) kind: &'static str,
    pub(crate) state: &'static str,
    pub(crate) inode: u64,
    /// The name as one line of text, see [`shown`].
    pub(crate) path: Option<String>,
}

/// Reads the sockets whose state's bit is set in `states`; at most `most`, the rest is ignored.
///
/// # Errors
/// The kernel has no sock_diag for unix sockets, or doesn't reply.
pub(crate) fn read(netlink: &mut Netlink, states: u32, most: usize) -> io::Result<Vec<Row>> {
    let mut body = [0; REQUEST];
    body[0] = UNIX;
    body[4..8].copy_from_slice(&states.to_ne_bytes());
    body[12..16].copy_from_slice(&SHOW_NAME.to_ne_bytes());
    let request = Request { kind: SOCK_DIAG_BY_FAMILY, reply: SOCK_DIAG_BY_FAMILY, body: &body };
    Ok(netlink.dump(request, Limits { items: most, bytes: usize::MAX }, parse)?.items)
}

/// Parses struct unix_diag_msg: family, type, state, pad, inode, cookie; then attributes.
fn parse(message: &[u8]) -> Option<Row> {
    let (head, rest) = message.split_at_checked(REPLY)?;
    let kind = match head[1] {
        1 => "stream",
        2 => "dgram",
        5 => "seqpacket",
        _ => "other",
    };
    // The kernel gives unix sockets the states of TCP (its tcp_states.h).
    let state = match head[2] {
        LISTEN => "listen",
        1 => "established",
        2 => "connecting",
        7 => "unconnected",
        _ => "other",
    };
    let name = attributes(rest).find(|(kind, _)| *kind == NAME);
    let path = name.map(|(_, name)| shown(name)).filter(|path| !path.is_empty());
    Some(Row { kind, state, inode: ne_u32(head, 4)?.into(), path })
}

/// Returns a name as text: a path ends at its NUL; the NUL that an abstract name begins with is
/// `@`, and a path that begins with `@` has that as `\x40`, so that neither passes for the other.
fn shown(name: &[u8]) -> String {
    match name {
        [0, rest @ ..] => format!("@{}", hex_encoded(rest)),
        path => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            let path = hex_encoded(&path[..end]);
            match path.strip_prefix('@') {
                None => path,
                Some(rest) => {
                    let mut text = String::new();
                    push_hex(&mut text, b'@');
                    text + rest
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, state: u8, name: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = vec![UNIX, kind, state, 0];
        bytes.extend(4711_u32.to_ne_bytes());
        bytes.extend([0xff; 8]);
        if let Some(name) = name {
            bytes.extend(u16::try_from(4 + name.len()).unwrap().to_ne_bytes());
            bytes.extend(NAME.to_ne_bytes());
            bytes.extend(name);
        }
        bytes
    }

    #[test]
    fn messages_are_read() {
        for (kind, state, name, want) in [
            (1, LISTEN, Some(&b"/run/a b\0"[..]), ("stream", "listen", Some("/run/a b"))),
            (2, 7, None, ("dgram", "unconnected", None)),
            (5, 1, Some(b"\0abstract"), ("seqpacket", "established", Some("@abstract"))),
            (
                1,
                2,
                Some(b"\0a\0\n\xff\\"),
                ("stream", "connecting", Some("@a\\x00\\x0a\\xff\\x5c")),
            ),
            (9, 9, Some(b"@a\0left"), ("other", "other", Some("\\x40a"))),
            (1, 1, Some(b""), ("stream", "established", None)),
            (1, 1, Some(b"\0"), ("stream", "established", Some("@"))),
        ] {
            let row = parse(&message(kind, state, name)).unwrap();
            assert_eq!(
                (row.kind, row.state, row.path.as_deref(), row.inode),
                (want.0, want.1, want.2, 4711)
            );
        }
    }

    #[test]
    fn messages_are_never_read_past_the_end() {
        let bytes = message(1, 1, Some(b"/run/x\0"));
        for end in 0..bytes.len() {
            let row = parse(&bytes[..end]);
            assert!(row.is_none_or(|row| end >= REPLY && row.path.is_none()), "{end}");
        }
    }
}
