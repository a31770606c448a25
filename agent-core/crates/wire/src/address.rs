//! Server addresses in a redirect or a setting (§1).
//!
//! Only addresses are accepted here, no names: a redirect to a name is rejected, since nothing in
//! the exchange before TLS may cause another look-up.

use crate::json::quote;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The most addresses in one list; a longer list is rejected.
pub const MAX_ADDRESSES: usize = 16;

/// An address, with a port if it has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// IPv4 or IPv6.
    pub ip: IpAddr,
    /// `None` stands for the default port.
    pub port: Option<u16>,
}

/// Why a text is not a list of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl Endpoint {
    /// Parses `10.0.0.1`, `10.0.0.1:7443`, `fd00::1` or `[fd00::1]:7443`. Returns `None` for
    /// anything else, and for port 0 and the unspecified address, to which nothing can connect. An
    /// IPv6 scope (`%2`) is rejected too: its number has no meaning on another host.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('%') {
            return None;
        }
        let endpoint = if let Ok(ip) = text.parse::<IpAddr>() {
            Self { ip, port: None }
        } else if let Ok(socket) = text.parse::<SocketAddr>() {
            Self { ip: socket.ip(), port: Some(socket.port()) }
        } else {
            let inner = text.strip_prefix('[')?.strip_suffix(']')?;
            Self { ip: IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?), port: None }
        };
        let usable = endpoint.port != Some(0) && !endpoint.ip.to_canonical().is_unspecified();
        usable.then_some(endpoint)
    }

    /// Returns the socket address, with `default_port` if it has no port of its own.
    pub fn socket(self, default_port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(default_port))
    }
}

/// Parses a comma-separated list, in order; blanks around an address are ignored.
///
/// # Errors
/// When the list is empty or longer than [`MAX_ADDRESSES`], or an item is not an address.
pub fn parse_list(text: &str) -> Result<Vec<Endpoint>, AddressError> {
    let items: Vec<&str> = text.split(',').map(str::trim).take(MAX_ADDRESSES + 1).collect();
    if items.len() > MAX_ADDRESSES {
        return Err(AddressError(format!("more than {MAX_ADDRESSES} addresses")));
    }
    items
        .into_iter()
        .map(|item| {
            Endpoint::parse(item)
                .ok_or_else(|| AddressError(format!("\"{}\" is not an address", quote(item))))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_ports() {
        let table = [
            ("127.0.10.1,10.92.1.130", vec!["127.0.10.1:7443", "10.92.1.130:7443"]),
            (
                " 10.0.0.1:80 ,[fd00::1]:81,fd00::2,[fd00::3]",
                vec!["10.0.0.1:80", "[fd00::1]:81", "[fd00::2]:7443", "[fd00::3]:7443"],
            ),
        ];
        for (text, wanted) in table {
            let found: Vec<String> =
                parse_list(text).unwrap().iter().map(|e| e.socket(7443).to_string()).collect();
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            ",",
            "10.0.0.1,",
            "example.com",
            "10.0.0.1:",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.256",
            "0.0.0.0",
            "::",
            "[::ffff:0.0.0.0]:80",
            "fe80::1%2",
            "[fe80::1%2]:80",
            "[fe80::1%0]:80",
            "[10.0.0.1]",
            "fd00::1:x",
            "10.0.0.1 10.0.0.2",
            "http://10.0.0.1",
        ] {
            assert!(parse_list(text).is_err(), "{text:?} was accepted");
        }
        assert!(parse_list(&["10.0.0.1"; MAX_ADDRESSES].join(",")).is_ok());
        assert!(parse_list(&["10.0.0.1"; MAX_ADDRESSES + 1].join(",")).is_err());
    }
}
