//! Interfaces (rtnetlink(7): RTM_NEWLINK, the kernel's if_link.h and if.h), with values that only
//! /sys/class/net has.

use std::io;
use std::path::Path;

use readers::file;
use readers::integer::{ne_u16, ne_u32, ne_u64};
use readers::netlink::{Dump, Netlink, Request, attributes};
use readers::text::until_nul;
use serde::Serialize;

use crate::LIMITS;
use crate::address::Address;

/// RTM_GETLINK, which RTM_NEWLINK messages reply to.
const REQUEST: Request<'_> = Request { kind: 18, reply: 16, body: &[0; HEADER] };
/// The length of struct ifinfomsg.
const HEADER: usize = 16;

/// One interface.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Interface {
    /// The interface's name.
    pub(crate) name: String,
    /// The interface's index.
    pub(crate) index: u32,
    /// An alias that an administrator set.
    alias: Option<String>,
    /// The MAC address, `52:54:00:12:34:56`; null without one.
    mac: Option<String>,
    /// The permanent MAC address of the hardware; null without one.
    permanent_mac: Option<String>,
    /// The MTU: bytes of the largest packet.
    mtu: Option<u32>,
    /// The administrative state: `up` or `down`.
    state: &'static str,
    /// The operational state (RFC 2863): `up`, `down`, `unknown`, `dormant`, `testing`,
    /// `lowerlayerdown` or `notpresent`.
    operstate: &'static str,
    /// The kind: `ethernet`, `wifi`, `loopback`, or the driver's name for it: `veth`, `bridge`,
    /// `bond`, `vlan`, `wireguard`, …
    kind: String,
    /// The VLAN id; null unless it is a VLAN.
    vlan_id: Option<u16>,
    /// The bridge or bond that it belongs to.
    pub(crate) master: Option<String>,
    /// The index of the underlying interface or of the other end (VLAN, veth), which may be in
    /// another namespace.
    parent_index: Option<u32>,
    /// Speed in megabits per second; null without a link, or if the driver does not report it.
    speed_mbps: Option<u32>,
    /// The duplex mode: `full` or `half`; null without a link, or if the driver does not report it.
    duplex: Option<String>,
    /// Flags as ip(8) names them: `BROADCAST`, `UP`, `LOWER_UP`, …; and `RUNNING`, of an interface
    /// with a carrier that is ready for use.
    flags: Vec<&'static str>,
    /// Traffic counters; null if the kernel does not count.
    statistics: Option<Statistics>,
    /// IPv4 and IPv6 addresses.
    pub(crate) addresses: Vec<Address>,
    #[serde(skip)]
    pub(crate) master_index: Option<u32>,
}

/// Counters since the interface was created (the kernel's struct rtnl_link_stats64).
#[derive(Serialize, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Statistics {
    /// Bytes received.
    rx_bytes: u64,
    /// Packets received.
    rx_packets: u64,
    /// Receive errors.
    rx_errors: u64,
    /// Received packets that were dropped.
    rx_dropped: u64,
    /// Bytes sent.
    tx_bytes: u64,
    /// Packets sent.
    tx_packets: u64,
    /// Transmit errors.
    tx_errors: u64,
    /// Packets dropped instead of sent.
    tx_dropped: u64,
    /// Multicast packets received.
    multicast: u64,
    /// Collisions while sending.
    collisions: u64,
}

/// Flags, by bit number (net_device_flags).
const FLAGS: [&str; 19] = [
    "UP",
    "BROADCAST",
    "DEBUG",
    "LOOPBACK",
    "POINTOPOINT",
    "NOTRAILERS",
    "RUNNING",
    "NOARP",
    "PROMISC",
    "ALLMULTI",
    "MASTER",
    "SLAVE",
    "MULTICAST",
    "PORTSEL",
    "AUTOMEDIA",
    "DYNAMIC",
    "LOWER_UP",
    "DORMANT",
    "ECHO",
];

const RUNNING: u32 = 1 << 6;
/// There is a carrier.
const LOWER_UP: u32 = 1 << 16;

const OPERSTATES: [&str; 7] =
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// Reads the interfaces in the kernel's order: by index. Their masters, and the values that only
/// sysfs has, are still to be read.
pub(crate) fn read(netlink: &mut Netlink) -> io::Result<Dump<Interface>> {
    netlink.dump(REQUEST, LIMITS, parse)
}

fn parse(message: &[u8]) -> Option<Interface> {
    let hardware = ne_u16(message, 2)?;
    let mut flags = ne_u32(message, 8)?;
    if flags & LOWER_UP == 0 {
        // Where a driver has no operational state, the kernel assumes that it runs (the kernel's
        // Documentation/networking/operstates.rst).
        flags &= !RUNNING;
    }
    let mut interface = Interface {
        name: String::new(),
        index: ne_u32(message, 4)?,
        alias: None,
        mac: None,
        permanent_mac: None,
        mtu: None,
        state: if flags & 1 == 1 { "up" } else { "down" },
        operstate: OPERSTATES[0],
        kind: hardware_kind(hardware).to_owned(),
        vlan_id: None,
        master: None,
        parent_index: None,
        speed_mbps: None,
        duplex: None,
        flags: FLAGS
            .iter()
            .enumerate()
            .filter(|(bit, _)| flags >> bit & 1 == 1)
            .map(|(_, name)| *name)
            .collect(),
        statistics: None,
        addresses: Vec::new(),
        master_index: None,
    };
    for (kind, value) in attributes(message.get(HEADER..)?) {
        match kind {
            1 => interface.mac = mac(value),
            3 => interface.name = until_nul(value),
            4 => interface.mtu = ne_u32(value, 0),
            5 => {
                interface.parent_index =
                    ne_u32(value, 0).filter(|index| *index != 0 && *index != interface.index)
            }
            10 => interface.master_index = ne_u32(value, 0),
            16 => {
                let state = value.first().copied().unwrap_or_default();
                interface.operstate =
                    OPERSTATES.get(usize::from(state)).copied().unwrap_or(OPERSTATES[0]);
            }
            18 => interface.info(value),
            20 => interface.alias = Some(until_nul(value)).filter(|alias| !alias.is_empty()),
            23 => interface.statistics = Statistics::parse(value),
            54 => interface.permanent_mac = mac(value),
            _ => {}
        }
    }
    Some(interface)
}

impl Interface {
    /// Reads IFLA_LINKINFO: the driver's kind, and the id of a VLAN.
    fn info(&mut self, bytes: &[u8]) {
        for (kind, value) in attributes(bytes) {
            match kind {
                1 => self.kind = until_nul(value),
                2 if self.kind == "vlan" => {
                    self.vlan_id = attributes(value)
                        .find(|(kind, _)| *kind == 1)
                        .and_then(|(_, id)| ne_u16(id, 0));
                }
                _ => {}
            }
        }
    }

    /// Reads speed and duplex from sysfs, which has them only for interfaces that are up.
    pub(crate) fn read_sysfs(&mut self) {
        // The kernel rejects `/` and `..` in names, so a name is a file name. Loopback has neither
        // value.
        if self.kind == "loopback" {
            return;
        }
        let folder = Path::new("/sys/class/net").join(&self.name);
        if self.kind == "ethernet" && folder.join("phy80211").exists() {
            "wifi".clone_into(&mut self.kind);
        }
        if self.state == "up" {
            let text = |name| file::text(&folder.join(name));
            self.speed_mbps = text("speed")
                .and_then(|speed| speed.trim().parse().ok())
                .filter(|speed| *speed != 0);
            self.duplex =
                text("duplex").map(|text| text.trim().to_owned()).filter(|text| text != "unknown");
        }
    }
}

impl Statistics {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let counter = |index: usize| ne_u64(bytes, index * 8);
        Some(Self {
            rx_packets: counter(0)?,
            tx_packets: counter(1)?,
            rx_bytes: counter(2)?,
            tx_bytes: counter(3)?,
            rx_errors: counter(4)?,
            tx_errors: counter(5)?,
            rx_dropped: counter(6)?,
            tx_dropped: counter(7)?,
            multicast: counter(8)?,
            collisions: counter(9)?,
        })
    }
}

/// Names the kind of an interface whose driver reports none, by hardware type (the kernel's
/// if_arp.h).
fn hardware_kind(hardware: u16) -> &'static str {
    match hardware {
        1 => "ethernet",
        32 => "infiniband",
        280 => "can",
        512 => "ppp",
        768 => "ipip",
        769 => "ip6tnl",
        772 => "loopback",
        776 => "sit",
        778 => "gre",
        801..=803 => "wifi",
        _ => "other",
    }
}

/// Formats `52:54:00:12:34:56`. A tunnel's address is an IP address and has no MAC.
fn mac(bytes: &[u8]) -> Option<String> {
    if bytes.len() < 6 || bytes.len() == 16 {
        return None;
    }
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
        text.push(':');
    }
    text.pop();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_link_layer_are_written() {
        assert_eq!(mac(&[0x52, 0x54, 0, 0x12, 0xab, 0xff]).as_deref(), Some("52:54:00:12:ab:ff"));
        assert_eq!(mac(&[10, 0, 0, 1]), None);
        assert_eq!(mac(&[]), None);
        assert_eq!(mac(&[0; 20]).map(|text| text.len()), Some(59));
    }

    #[test]
    fn a_message_of_any_length_is_read_without_a_panic() {
        let mut message = vec![0, 0, 1, 0, 2, 0, 0, 0, 0x43, 0x10, 1, 0, 0, 0, 0, 0];
        message.extend_from_slice(
            b"\x09\0\x03\0eth0\0\0\0\0\x05\0\x10\0\x06\0\0\0\x08\0\x04\0\xdc\x05\0\0",
        );
        for end in 0..message.len() {
            let _ = parse(&message[..end]);
        }
        if cfg!(target_endian = "little") {
            let interface = parse(&message).unwrap();
            assert_eq!(
                (interface.name.as_str(), interface.index, interface.mtu),
                ("eth0", 2, Some(1500))
            );
            assert_eq!(
                (interface.state, interface.operstate, interface.kind.as_str()),
                ("up", "up", "ethernet")
            );
            assert_eq!(interface.flags, ["UP", "BROADCAST", "RUNNING", "MULTICAST", "LOWER_UP"]);
        }
    }
}
