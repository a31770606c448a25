//! Addresses: an address that parses, printed, parses to the same; nothing written is dropped.

use crate::{DEFAULT_PORT, Endpoint, MAX_ADDRESSES, parse_list};
use std::net::SocketAddr;

/// Checks the text of a redirect or a setting.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(endpoint) = Endpoint::parse(text) {
        one(text, endpoint);
    }
    match parse_list(text) {
        Ok(list) => {
            assert!((1..=MAX_ADDRESSES).contains(&list.len()));
            for (item, endpoint) in text.split(',').zip(&list) {
                one(item.trim(), *endpoint);
            }
            let printed: Vec<String> = list.iter().map(|endpoint| print(*endpoint)).collect();
            assert_eq!(parse_list(&printed.join(" , ")), Ok(list));
        }
        Err(error) => super::fits_a_log_line(&error.to_string()),
    }
}

fn one(text: &str, endpoint: Endpoint) {
    assert_eq!(Endpoint::parse(&print(endpoint)), Some(endpoint), "{text:?}");
    let socket = endpoint.socket(DEFAULT_PORT);
    let with_port = Endpoint { port: Some(socket.port()), ..endpoint };
    assert_eq!(Endpoint::parse(&socket.to_string()), Some(with_port), "{text:?}");
    assert!(socket.port() != 0 && !socket.ip().to_canonical().is_unspecified(), "{text:?}");
    // The standard library reads all parts of an address, an IPv6 scope too.
    if let Ok(wanted) = text.parse::<SocketAddr>() {
        assert_eq!(socket, wanted, "{text:?}");
    }
}

fn print(endpoint: Endpoint) -> String {
    match endpoint.port {
        Some(_) => endpoint.socket(DEFAULT_PORT).to_string(),
        None => endpoint.ip.to_string(),
    }
}
