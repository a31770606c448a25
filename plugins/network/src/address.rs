//! Addresses of interfaces (rtnetlink(7): RTM_NEWADDR, the kernel's if_addr.h).

use std::io;
use std::net::IpAddr;

use readers::integer::ne_u32;
use readers::ip;
use readers::netlink::{Dump, Netlink, Request, attributes};
use readers::text::until_nul;
use serde::Serialize;

use crate::LIMITS;

/// RTM_GETADDR, which RTM_NEWADDR messages reply to.
const REQUEST: Request<'_> = Request { kind: 22, reply: 20, body: &[0; HEADER] };
/// The length of struct ifaddrmsg.
const HEADER: usize = 8;
/// A lifetime that does not end.
const FOREVER: u32 = u32::MAX;

/// One address of an interface.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Address {
    /// The family: `inet` or `inet6`.
    family: &'static str,
    /// The IP address.
    address: String,
    /// The prefix length.
    prefix_length: u8,
    /// The scope: `global`, `site`, `link`, `host`, `nowhere` or a number in rt_scopes.
    scope: String,
    /// The broadcast address (IPv4).
    broadcast: Option<String>,
    /// The peer's address on a point-to-point link.
    peer: Option<String>,
    /// The address's label (IPv4), usually the interface's name.
    label: Option<String>,
    /// Flags as ip(8) names them: `secondary`, `temporary`, `deprecated`, `tentative`, `dadfailed`,
    /// `permanent`, …
    flags: Vec<&'static str>,
    /// Seconds until it becomes invalid; null: never.
    valid_seconds: Option<u32>,
    /// Seconds until new connections stop using it; null: never.
    preferred_seconds: Option<u32>,
}

/// Flags, by bit number; bit 0 means `temporary` in IPv6.
const FLAGS: [&str; 12] = [
    "secondary",
    "nodad",
    "optimistic",
    "dadfailed",
    "home",
    "deprecated",
    "tentative",
    "permanent",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "stable-privacy",
];

/// Reads the addresses in the kernel's order, each with its interface's index.
pub(crate) fn read(netlink: &mut Netlink) -> io::Result<Dump<(u32, Address)>> {
    netlink.dump(REQUEST, LIMITS, parse)
}

fn parse(message: &[u8]) -> Option<(u32, Address)> {
    let header = message.get(..HEADER)?;
    let (is_v6, index) = (ip_family(header[0])? == "inet6", ne_u32(header, 4)?);
    let mut flags = u32::from(header[2]);
    let (mut local, mut address, mut broadcast, mut label) = (None, None, None, None);
    let (mut preferred, mut valid) = (FOREVER, FOREVER);
    for (kind, value) in attributes(&message[HEADER..]) {
        match kind {
            1 => address = ip::from_bytes(value),
            2 => local = ip::from_bytes(value),
            3 => label = Some(until_nul(value)),
            4 => broadcast = ip::from_bytes(value),
            6 => {
                preferred = ne_u32(value, 0)?;
                valid = ne_u32(value, 4)?;
            }
            8 => flags = ne_u32(value, 0)?,
            _ => {}
        }
    }
    // IFA_ADDRESS is the peer's address on a point-to-point link, else the same as IFA_LOCAL, which
    // IPv6 omits then.
    let peer = address.filter(|address| local.is_some_and(|local| local != *address));
    let text = |ip: IpAddr| ip.to_string();
    Some((
        index,
        Address {
            family: if is_v6 { "inet6" } else { "inet" },
            address: text(local.or(address)?),
            prefix_length: header[1],
            scope: scope(header[3]),
            broadcast: broadcast.map(text),
            peer: peer.map(text),
            label,
            flags: FLAGS
                .iter()
                .enumerate()
                .filter(|(bit, _)| flags >> bit & 1 == 1)
                .map(|(bit, name)| if bit == 0 && is_v6 { "temporary" } else { *name })
                .collect(),
            valid_seconds: Some(valid).filter(|seconds| *seconds != FOREVER),
            preferred_seconds: Some(preferred).filter(|seconds| *seconds != FOREVER),
        },
    ))
}

/// Names a scope (rt_scope_t).
pub(crate) fn scope(value: u8) -> String {
    match value {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        other => other.to_string(),
    }
}

/// Names AF_INET and AF_INET6 of Linux.
pub(crate) fn ip_family(family: u8) -> Option<&'static str> {
    match family {
        2 => Some("inet"),
        10 => Some("inet6"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_differs_from_the_address() {
        let head = [2, 24, 0x80, 0, 3, 0, 0, 0];
        let v4 = |kind: u8, last: u8| [8, 0, kind, 0, 10, 0, 0, last];
        let message = [&head[..], &v4(1, 2), &v4(2, 1), &v4(4, 255)].concat();
        for end in 0..message.len() {
            let _ = parse(&message[..end]);
        }
        if cfg!(target_endian = "little") {
            let (index, address) = parse(&message).unwrap();
            assert_eq!(
                (index, address.address.as_str(), address.peer.as_deref()),
                (3, "10.0.0.1", Some("10.0.0.2"))
            );
            assert_eq!(
                (address.broadcast.as_deref(), address.flags.as_slice()),
                (Some("10.0.0.255"), &["permanent"][..])
            );
            let (_, same) = parse(&[&head[..], &v4(1, 1), &v4(2, 1)].concat()).unwrap();
            assert_eq!(same.peer, None);
        }
        assert!(parse(&[&[7][..], &head[1..]].concat()).is_none(), "another family");
        assert!(parse(&head).is_none(), "no address");
    }
}
