//! IP addresses in kernel messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an address in network byte order: 4 bytes are IPv4, 16 are IPv6. Other lengths are not an
/// address.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_decides_the_family() {
        assert_eq!(from_bytes(&[192, 0, 2, 1]).unwrap().to_string(), "192.0.2.1");
        assert_eq!(from_bytes(&[0; 16]).unwrap().to_string(), "::");
        for length in [0, 3, 5, 15, 17] {
            assert_eq!(from_bytes(&vec![1; length]), None, "{length}");
        }
    }
}
