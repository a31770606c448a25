//! The sources whose connections begin with a header, and reading it from a connection.

use super::header::{self, HeaderError, Origin, Parsed, SIGNATURE};
use fleet::IpNetwork;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time for a header to come: the balancer sends it as soon as it connects.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The networks of `--proxy-from`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxySources(Arc<[IpNetwork]>);

/// Why a connection from such a source, or with a header, is rejected.
#[derive(Debug)]
pub(crate) enum ProxyError {
    /// Its header is missing or cannot be used.
    Header(HeaderError),
    /// Its header did not come in time.
    TooSlow,
    /// It ended or failed before its header was whole.
    Io(io::Error),
    /// It begins with a header, and its source is not named.
    NotNamed,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => write!(f, "{error}"),
            Self::TooSlow => write!(f, "no PROXY header within {} s", MAX_WAIT.as_secs()),
            Self::Io(error) => write!(f, "PROXY header: {error}"),
            Self::NotNamed => f.write_str(
                "it begins with a PROXY header, which only the sources in --proxy-from may send",
            ),
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Header(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::TooSlow | Self::NotNamed => None,
        }
    }
}

impl FromIterator<IpNetwork> for ProxySources {
    fn from_iter<T: IntoIterator<Item = IpNetwork>>(networks: T) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl ProxySources {
    /// Returns whether connections from this address begin with a header.
    pub(crate) fn name(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// Reads the header of a connection from a named source; returns the address that it comes from.
///
/// # Errors
/// When the header is missing, late, or cannot be used.
pub(crate) async fn read(
    stream: &mut TcpStream,
    proxy: SocketAddr,
) -> Result<SocketAddr, ProxyError> {
    match timeout(MAX_WAIT, origin(stream)).await {
        Ok(Ok(Origin::Client(client))) => Ok(client),
        Ok(Ok(Origin::Proxy)) => Ok(proxy),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ProxyError::TooSlow),
    }
}

/// Takes the header off the stream, and no byte more.
async fn origin(stream: &mut TcpStream) -> Result<Origin, ProxyError> {
    let mut bytes = Vec::new();
    loop {
        match header::parse(&bytes).map_err(ProxyError::Header)? {
            Parsed::Whole(_, origin) => return Ok(origin),
            Parsed::Partial(needed) => {
                let held = bytes.len();
                bytes.resize(needed, 0);
                let count = stream.read(&mut bytes[held..]).await.map_err(ProxyError::Io)?;
                if count == 0 {
                    return Err(ProxyError::Io(io::ErrorKind::UnexpectedEof.into()));
                }
                bytes.truncate(held + count);
            }
        }
    }
}

/// Returns whether the bytes that have come, which stay in the stream, begin a header.
pub(crate) async fn is_header(stream: &TcpStream) -> bool {
    let mut bytes = [0; SIGNATURE.len()];
    stream.peek(&mut bytes).await.is_ok() && bytes == SIGNATURE
}
