//! Routes of the main table (rtnetlink(7): RTM_NEWROUTE, the kernel's rtnetlink.h).

use std::io;
use std::net::IpAddr;

use readers::integer::{ne_u16, ne_u32};
use readers::ip;
use readers::netlink::{Dump, Limits, Netlink, Request, attributes};
use serde::Serialize;

use crate::MAX_DUMP_BYTES;
use crate::address::{ip_family, scope};

/// RTM_GETROUTE and the type of its replies, RTM_NEWROUTE.
const GET: u16 = 26;
const NEW: u16 = 24;
/// The length of struct rtmsg.
const HEADER: usize = 12;
/// RT_TABLE_MAIN.
const MAIN: u32 = 254;
/// RTM_F_CLONED: a cached copy for one destination, not a route of the table.
const CLONED: u32 = 0x200;
/// The most routes in one answer.
pub(crate) const MAX_ROUTES: usize = 5000;

/// One route.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Route {
    /// The family: `inet` or `inet6`.
    pub(crate) family: &'static str,
    /// Network and prefix length; `0.0.0.0/0` and `::/0` are the default route.
    destination: String,
    /// The gateway; null if the destination is on the link.
    pub(crate) gateway: Option<String>,
    /// The interface; null if there is none, or several (`nexthops`).
    pub(crate) device: Option<String>,
    /// The metric; the lowest wins. 0 if the kernel reports none.
    pub(crate) metric: u32,
    /// The preferred source address.
    source: Option<String>,
    /// The type: `unicast`, `blackhole`, `unreachable`, `prohibit`, `throw`, `local`, … or a
    /// number.
    kind: String,
    /// The scope: `global`, `link`, `host`, … or a number.
    scope: String,
    /// The origin: `kernel`, `boot`, `static`, `ra`, `dhcp`, `bird`, … or a number in rt_protos.
    protocol: String,
    /// The next hops of a multipath route; empty otherwise.
    pub(crate) nexthops: Vec<Nexthop>,
    #[serde(skip)]
    pub(crate) is_default: bool,
}

/// One next hop of a multipath route.
#[derive(Serialize, Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Nexthop {
    /// The gateway.
    pub(crate) gateway: Option<String>,
    /// The interface.
    pub(crate) device: Option<String>,
    /// Its share of the traffic, relative to the other next hops.
    weight: u16,
}

const KINDS: [&str; 11] = [
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
];

/// Reads the main table of a family, in the kernel's order; `name` names interfaces.
pub(crate) fn read(
    netlink: &mut Netlink,
    family: u8,
    name: &dyn Fn(u32) -> Option<String>,
) -> io::Result<Dump<Route>> {
    let mut body = [0; HEADER];
    body[0] = family;
    let limits = Limits { items: MAX_ROUTES, bytes: MAX_DUMP_BYTES };
    netlink.dump(Request { kind: GET, reply: NEW, body: &body }, limits, |message| {
        parse(message, name)
    })
}

fn parse(message: &[u8], name: &dyn Fn(u32) -> Option<String>) -> Option<Route> {
    let header = message.get(..HEADER)?;
    let family = ip_family(header[0])?;
    let mut table = u32::from(header[4]);
    if ne_u32(header, 8)? & CLONED != 0 {
        return None;
    }
    let mut route = Route {
        family,
        destination: String::new(),
        gateway: None,
        device: None,
        metric: 0,
        source: None,
        kind: KINDS
            .get(usize::from(header[7]))
            .map_or_else(|| header[7].to_string(), ToString::to_string),
        scope: scope(header[6]),
        protocol: protocol(header[5]),
        nexthops: Vec::new(),
        is_default: header[1] == 0,
    };
    let mut destination = None;
    for (kind, value) in attributes(&message[HEADER..]) {
        match kind {
            1 => destination = ip::from_bytes(value),
            4 => route.device = ne_u32(value, 0).and_then(name),
            5 => route.gateway = ip_text(value),
            6 => route.metric = ne_u32(value, 0)?,
            7 => route.source = ip_text(value),
            9 => route.nexthops = nexthops(value, name),
            15 => table = ne_u32(value, 0)?,
            // A gateway of the other family: the family, then the address.
            18 => route.gateway = ip_text(value.get(2..)?),
            _ => {}
        }
    }
    if table != MAIN {
        return None;
    }
    let any = if family == "inet" { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    route.destination = format!("{}/{}", destination.unwrap_or(any), header[1]);
    Some(route)
}

/// struct rtnexthop: length, flags, weight less one, interface; then attributes.
fn nexthops(mut bytes: &[u8], name: &dyn Fn(u32) -> Option<String>) -> Vec<Nexthop> {
    let next = || {
        let length = usize::from(ne_u16(bytes, 0)?);
        let hop = bytes.get(..length)?;
        let mut nexthop = Nexthop {
            gateway: None,
            device: name(ne_u32(hop, 4)?),
            weight: u16::from(*hop.get(3)?) + 1,
        };
        for (kind, value) in attributes(hop.get(8..)?) {
            match kind {
                5 => nexthop.gateway = ip_text(value),
                18 => nexthop.gateway = value.get(2..).and_then(ip_text),
                _ => {}
            }
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(nexthop)
    };
    std::iter::from_fn(next).collect()
}

fn ip_text(bytes: &[u8]) -> Option<String> {
    ip::from_bytes(bytes).map(|ip| ip.to_string())
}

/// Names the origin as iproute2's etc/iproute2/rt_protos does.
fn protocol(value: u8) -> String {
    let name = match value {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        18 => "keepalived",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_main_table_is_read() {
        let name = |index: u32| (index == 2).then(|| "eth0".to_owned());
        let head = |table: u8| [2, 8, 0, 0, table, 16, 0, 1, 0, 0, 0, 0];
        let rest = [
            8, 0, 1, 0, 10, 0, 0, 0, 8, 0, 4, 0, 2, 0, 0, 0, 8, 0, 5, 0, 192, 168, 1, 1, 8, 0, 6,
            0, 100, 0, 0, 0,
        ];
        let message = [&head(254)[..], &rest].concat();
        for end in 0..message.len() {
            let _ = parse(&message[..end], &name);
        }
        assert!(parse(&[&head(255)[..], &rest].concat(), &name).is_none());
        if cfg!(target_endian = "little") {
            let route = parse(&message, &name).unwrap();
            assert_eq!(
                (route.destination.as_str(), route.gateway.as_deref()),
                ("10.0.0.0/8", Some("192.168.1.1"))
            );
            assert_eq!(
                (route.device.as_deref(), route.metric, route.protocol.as_str()),
                (Some("eth0"), 100, "dhcp")
            );
        }
    }
}
