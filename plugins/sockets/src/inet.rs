//! TCP and UDP sockets of /proc/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5), the kernel's
//! proc_net_tcp.rst).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// LISTEN of TCP (the kernel's tcp_states.h).
pub(crate) const LISTEN: u8 = 10;
/// CLOSE: of UDP, a socket that is not connected.
const CLOSE: u8 = 7;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) local: (IpAddr, u16),
    pub(crate) remote: (IpAddr, u16),
    pub(crate) state: u8,
    pub(crate) tx_queue: u64,
    pub(crate) rx_queue: u64,
    pub(crate) uid: u32,
    /// 0 for a connection that no process holds any more.
    pub(crate) inode: u64,
}

impl Row {
    /// Parses `sl local remote st tx:rx tr:when retransmits uid timeout inode …`; `None` for the
    /// heading and for incomplete lines.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (endpoint(words.next()?)?, endpoint(words.next()?)?);
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        let (tx, rx) = words.next()?.split_once(':')?;
        let mut rest = words.skip(2);
        let uid = rest.next()?.parse().ok()?;
        let inode = rest.nth(1)?.parse().ok()?;
        let queue = |hex| u64::from_str_radix(hex, 16).ok();
        Some(Self { local, remote, state, tx_queue: queue(tx)?, rx_queue: queue(rx)?, uid, inode })
    }

    /// Returns whether it accepts any peer: a listening TCP socket, or a UDP socket that is not
    /// connected.
    pub(crate) fn listens(&self, is_udp: bool) -> bool {
        self.state == if is_udp { CLOSE } else { LISTEN }
    }
}

/// Parses `0100007F:0016`: the address in network order, written as words in this machine's order,
/// then the port as a number.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let hex = address.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(hex, 16).ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some((address, port))
}

/// Names a state as the kernel's tcp_states.h does, in lower case; CLOSE of UDP as ss(8) does.
pub(crate) fn state_name(state: u8, is_udp: bool) -> &'static str {
    match state {
        1 => "established",
        2 => "syn_sent",
        3 => "syn_recv",
        4 => "fin_wait1",
        5 => "fin_wait2",
        6 => "time_wait",
        CLOSE if is_udp => "unconnected",
        CLOSE => "close",
        8 => "close_wait",
        9 => "last_ack",
        LISTEN => "listen",
        11 => "closing",
        12 => "new_syn_recv",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "   0: 0100007F:0016 00000000:0000 0A 00000000:00000005 00:00000000 00000000  1000        0 1113 1 0000 100 0 0 10 0";
    const UDP6: &str = " 123: 0000000000000000FFFF00000100007F:14E9 00000000000000000000000001000000:0035 01 00000001:FFFFFFFF 00:00000000 00000000     0        0 77 2 0000000000000000 0";

    #[test]
    fn lines_are_read() {
        assert_eq!(Row::parse("  sl  local_address rem_address   st tx_queue rx_queue"), None);
        let row = Row::parse(TCP).unwrap();
        assert_eq!(
            (row.state, row.tx_queue, row.rx_queue, row.uid, row.inode),
            (10, 0, 5, 1000, 1113)
        );
        assert!(row.listens(false) && !row.listens(true));
        let udp = Row::parse(UDP6).unwrap();
        assert_eq!((udp.state, udp.tx_queue, udp.rx_queue), (1, 1, 0xffff_ffff));
        if cfg!(target_endian = "little") {
            assert_eq!(row.local, (IpAddr::from([127, 0, 0, 1]), 22));
            assert_eq!(udp.local.0.to_string(), "::ffff:127.0.0.1");
            assert_eq!((udp.remote.0.to_string().as_str(), udp.remote.1), ("::1", 53));
        }
    }

    #[test]
    fn incomplete_lines_are_skipped() {
        for end in 0..TCP.find("1113").unwrap() {
            assert_eq!(Row::parse(&TCP[..end]), None);
        }
        for bad in [
            "",
            "é: é:é",
            "0: 0100007é:0016 0:0 0A",
            "0: 0100007F:10000 00000000:0000 0A 0:0 0:0 0 0 0 1",
        ] {
            assert_eq!(Row::parse(bad), None);
        }
    }
}
