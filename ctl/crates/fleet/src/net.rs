//! Networks in CIDR notation: where a join token is good from, which balancers are trusted.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 or IPv6 network, `10.0.0.0/8` or `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpNetwork {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// It is neither an address nor a network.
    Syntax(String),
    /// The prefix is longer than an address: the text, the address's bits.
    Prefix(String, u8),
    /// The address has bits behind the prefix: the text, the network that it lies in.
    HostBits(String, IpNetwork),
}

impl IpNetwork {
    /// Returns the network of the first `prefix` bits of an address; `None` if it has fewer bits.
    pub fn of(address: IpAddr, prefix: u8) -> Option<Self> {
        let behind = bits(address).checked_sub(prefix)?;
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(behind.into()).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(behind.into()).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        };
        Some(Self { address, prefix })
    }

    /// Returns the network's first address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the number of bits that all addresses of the network share.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Returns whether the address lies in the network. An IPv4 address that came over an IPv6
    /// socket (`::ffff:10.0.0.1`) counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        bits(address) == bits(self.address) && Self::of(address, self.prefix) == Some(*self)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for IpNetwork {
    type Err = NetworkError;

    /// Reads a network, or an address as the network of it alone.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let syntax = || NetworkError::Syntax(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| syntax())?;
        let prefix = match prefix {
            None => bits(address),
            // Rust's own parser takes "+8" too.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| syntax())?
            }
            Some(_) => return Err(syntax()),
        };
        let network = Self::of(address, prefix)
            .ok_or_else(|| NetworkError::Prefix(text.to_owned(), bits(address)))?;
        if network.address != address {
            return Err(NetworkError::HostBits(text.to_owned(), network));
        }
        match address.to_canonical() == address {
            true => Ok(network),
            // No address would lie in it, since those are compared as IPv4.
            false => Err(syntax()),
        }
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => {
                write!(f, "{text:?} is not a network; write it as 10.0.0.0/8 or fd00::/8")
            }
            Self::Prefix(text, bits) => {
                write!(f, "{text:?} is not a network: its addresses have only {bits} bits")
            }
            Self::HostBits(text, network) => {
                write!(f, "{text:?} is an address within a network; write the network: {network}")
            }
        }
    }
}

impl std::error::Error for NetworkError {}

impl Serialize for IpNetwork {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["11.0.0.0", "9.255.255.255", "::a00:1"][..],
            ),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1"]),
            ("::/0", &["::1", "fd00::1"], &["127.0.0.1", "::ffff:127.0.0.1"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::"]),
            ("::1/128", &["::1"], &["::2"]),
        ] {
            let network: IpNetwork = network.parse().unwrap();
            for address in inside {
                assert!(network.contains(address.parse().unwrap()), "{network} {address}");
            }
            for address in outside {
                assert!(!network.contains(address.parse().unwrap()), "{network} {address}");
            }
        }
    }

    #[test]
    fn other_texts_are_rejected_with_the_right_form() {
        for (text, wanted) in [
            ("", "10.0.0.0/8 or fd00::/8"),
            ("10.0.0.0/", "10.0.0.0/8 or"),
            ("10.0.0.0/+8", "10.0.0.0/8 or"),
            ("10.0.0.0/999", "10.0.0.0/8 or"),
            ("10.0.0/8", "10.0.0.0/8 or"),
            ("example.com/8", "10.0.0.0/8 or"),
            ("10.0.0.0/33", "only 32 bits"),
            ("::/129", "only 128 bits"),
            ("10.0.0.1/8", "write the network: 10.0.0.0/8"),
            ("fd00::1/64", "write the network: fd00::/64"),
            ("::ffff:10.0.0.0/104", "write it as"),
        ] {
            let error = text.parse::<IpNetwork>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
    }
}
