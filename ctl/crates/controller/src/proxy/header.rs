//! One header's bytes (haproxy's proxy-protocol.txt, §2.2) → the address that it names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first bytes of every header. No text and no TLS record begins so.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The first bytes of a header of version 1.
const TEXT: &[u8] = b"PROXY ";

/// The bytes before the addresses: signature, version and command, family, length.
const HEAD: usize = 16;

/// The most bytes of a header, extensions included. The specification expects 536 at most.
pub(super) const MAX: usize = 4096;

/// What the bytes so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The header is not whole: it has at least this many bytes.
    Partial(usize),
    /// The header is whole, and this long.
    Whole(usize, Origin),
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From the proxy itself, as for its health checks, or from where no address says.
    Proxy,
    /// From this address.
    Client(SocketAddr),
}

/// Why the bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// They do not begin as one.
    Missing,
    /// They begin as the header of version 1, a line of text.
    Text,
    /// A version other than 2.
    Version(u8),
    /// A command that is neither LOCAL nor PROXY.
    Command(u8),
    /// An unknown address family or transport.
    Family(u8),
    /// Too few bytes for addresses of the family.
    Short(usize),
    /// More bytes than [`MAX`].
    Long(usize),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "no PROXY header came first; --proxy-from names this source, so its balancer must \
                 send one (version 2, haproxy: send-proxy-v2)",
            ),
            Self::Text => f.write_str(
                "the PROXY header has version 1; let the balancer send version 2 (haproxy: \
                 send-proxy-v2)",
            ),
            Self::Version(found) => {
                write!(f, "the PROXY header has version {found}; only 2 is known")
            }
            Self::Command(found) => write!(f, "the PROXY header has the unknown command {found}"),
            Self::Family(found) => {
                write!(f, "the PROXY header has the unknown family and transport 0x{found:02x}")
            }
            Self::Short(length) => {
                write!(f, "the PROXY header's {length} bytes are too few for its addresses")
            }
            Self::Long(length) => {
                write!(f, "the PROXY header has {length} bytes, more than the {MAX} that are read")
            }
        }
    }
}

impl std::error::Error for HeaderError {}

/// Reads a header from the first bytes of a connection, which may go on after it. Extensions (TLVs)
/// are skipped.
///
/// # Errors
/// When no further byte can make it a header.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes[..common] != SIGNATURE[..common] {
        return match bytes {
            text if text.starts_with(TEXT) => Err(HeaderError::Text),
            text if TEXT.starts_with(text) => Ok(Parsed::Partial(HEAD)),
            _ => Err(HeaderError::Missing),
        };
    }
    let Some(&command) = bytes.get(12) else { return Ok(Parsed::Partial(HEAD)) };
    let is_local = match (command >> 4, command & 0xf) {
        (2, 0) => true,
        (2, 1) => false,
        (2, other) => return Err(HeaderError::Command(other)),
        (other, _) => return Err(HeaderError::Version(other)),
    };
    let Some(&[family, high, low]) = bytes.get(13..HEAD) else {
        return Ok(Parsed::Partial(HEAD));
    };
    let following = usize::from(u16::from_be_bytes([high, low]));
    let length = HEAD + following;
    if length > MAX {
        return Err(HeaderError::Long(length));
    }
    let addresses = if is_local { 0 } else { address_bytes(family)? };
    if following < addresses {
        return Err(HeaderError::Short(length));
    }
    let Some(block) = bytes.get(HEAD..length) else { return Ok(Parsed::Partial(length)) };
    let client = if is_local { None } else { client(family, block) };
    Ok(Parsed::Whole(length, client.map_or(Origin::Proxy, Origin::Client)))
}

/// Returns the size of both addresses of a family.
fn address_bytes(family: u8) -> Result<usize, HeaderError> {
    match (family >> 4, family & 0xf) {
        (0, 0..=2) => Ok(0),
        (1, 0..=2) => Ok(12),
        (2, 0..=2) => Ok(36),
        // Paths of Unix sockets.
        (3, 0..=2) => Ok(216),
        _ => Err(HeaderError::Family(family)),
    }
}

/// Returns the source address and port of a TCP connection. Other valid families say nothing that
/// is of use here: the connection then counts as the proxy's own, as the specification asks.
fn client(family: u8, block: &[u8]) -> Option<SocketAddr> {
    let (address, port): (IpAddr, _) = match family {
        0x11 => (
            Ipv4Addr::from(*block.first_chunk::<4>()?).into(),
            *block.get(8..)?.first_chunk::<2>()?,
        ),
        0x21 => (
            Ipv6Addr::from(*block.first_chunk::<16>()?).into(),
            *block.get(32..)?.first_chunk::<2>()?,
        ),
        _ => return None,
    };
    Some(SocketAddr::new(address.to_canonical(), u16::from_be_bytes(port)))
}

/// Checks any bytes: what is read is bounded, every cut asks for more or agrees, and nothing that
/// follows a header changes it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(bytes: &[u8]) {
    let whole = parse(bytes);
    for cut in 0..=bytes.len().min(MAX) {
        match (parse(&bytes[..cut]), whole) {
            (Ok(Parsed::Partial(needed)), _) => assert!(cut < needed && needed <= MAX),
            // A fault that the first bytes show is the fault of all of them.
            (found, _) => assert_eq!(found, whole, "{cut} bytes"),
        }
    }
    if let Ok(Parsed::Whole(length, _)) = whole {
        assert!(HEAD <= length && length <= bytes.len());
        assert_eq!(parse(&bytes[..length]), whole);
    }
}

#[cfg(test)]
mod tests;
