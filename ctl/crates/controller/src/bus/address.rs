//! Where the bus is: the URLs of `--bus`, the CAs of its servers, and what the node shows them.

use super::credentials::Credentials;
use crate::error::Error;
use crate::pem;
use async_nats::ServerAddr;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// The servers of the bus, and how to get there.
#[derive(Clone)]
pub(crate) struct BusAddress {
    pub(super) servers: Vec<ServerAddr>,
    pub(super) tls: Option<ClientConfig>,
    pub(super) credentials: Option<Credentials>,
}

impl BusAddress {
    /// Reads a list of URLs, `tls://HOST:PORT` or `nats://HOST:PORT`, and the files that go with it.
    ///
    /// # Errors
    /// When a URL is wrong, or a file cannot be read or trusted.
    pub(crate) fn parse(
        urls: &str,
        ca: Option<&Path>,
        credentials: Option<&Path>,
    ) -> Result<Self, Error> {
        let servers = urls.split(',').map(server).collect::<Result<Vec<_>, _>>()?;
        let wants_tls = servers.iter().any(ServerAddr::tls_required);
        let tls = match (wants_tls, ca) {
            (true, Some(ca)) => Some(client(ca)?),
            (true, None) => {
                return Err(wrong("a server over TLS must prove its name: give --bus-ca FILE"));
            }
            (false, Some(_)) => {
                return Err(wrong("--bus-ca is for servers over TLS: tls://HOST:PORT"));
            }
            (false, None) => None,
        };
        let credentials = credentials.map(Credentials::load).transpose()?;
        Ok(Self { servers, tls, credentials })
    }
}

impl fmt::Display for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, server) in self.servers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let host = match server.host() {
                host if host.contains(':') => format!("[{host}]"),
                host => host.to_owned(),
            };
            write!(f, "{comma}{}://{host}:{}", server.scheme(), server.port())?;
        }
        Ok(())
    }
}

impl fmt::Debug for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BusAddress").field(&self.to_string()).finish()
    }
}

fn wrong(why: &str) -> Error {
    Error::Flags(format!("--bus: {why}"))
}

/// Reads one URL. Only a server on this machine may be reached in the clear: whoever can change what
/// goes by could otherwise show an operator another output than a command's.
fn server(url: &str) -> Result<ServerAddr, Error> {
    let wanted = "give it as tls://HOST:PORT, or nats://127.0.0.1:PORT on this machine";
    let server: ServerAddr = url.parse().map_err(|error| wrong(&format!("{error}; {wanted}")))?;
    if server.has_user_pass() || server.password().is_some() {
        return Err(wrong(
            "a password in the URL could be seen by every user of this host; put the credentials \
             into a file: --bus-credentials FILE",
        ));
    }
    if !url.contains("://") || server.is_websocket() || server.host().is_empty() {
        return Err(wrong(&format!("\"{url}\" is no URL of a NATS server; {wanted}")));
    }
    let url = server.clone().into_inner();
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(&format!("\"{url}\" has more than a host and a port; {wanted}")));
    }
    let name = server.host();
    let is_here = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !server.tls_required() && !is_here {
        return Err(wrong(&format!("{name} is another machine, so it needs TLS; {wanted}")));
    }
    Ok(server)
}

/// Makes the client's side of TLS, which accepts servers whose certificates lead to `ca`.
fn client(ca: &Path) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(ca)? {
        roots.add(certificate).map_err(Error::content(ca))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Certificate(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_as_they_are_used_and_wrong_ones_say_what_to_do() {
        let parse = |urls: &str, ca: Option<&Path>| {
            let address = BusAddress::parse(urls, ca, None);
            address.map(|address| address.to_string()).map_err(|error| error.to_string())
        };
        for (urls, shown) in [
            ("nats://127.0.0.1", "nats://127.0.0.1:4222"),
            ("nats://localhost:4333,nats://[::1]", "nats://localhost:4333,nats://[::1]:4222"),
        ] {
            assert_eq!(parse(urls, None).as_deref(), Ok(shown), "{urls}");
        }
        let missing = Path::new("/no/such/file");
        for (urls, ca, why) in [
            ("", None, "give it as tls://HOST:PORT"),
            ("127.0.0.1:4222", None, "is no URL"),
            ("http://127.0.0.1", None, "give it as tls://HOST:PORT"),
            ("ws://127.0.0.1", None, "is no URL"),
            ("nats://bus.example", None, "another machine, so it needs TLS"),
            ("nats://127.0.0.1,nats://bus.example", None, "another machine"),
            ("nats://ba:hunter2@127.0.0.1", None, "--bus-credentials FILE"),
            ("nats://127.0.0.1/site", None, "more than a host and a port"),
            ("tls://bus.example", None, "give --bus-ca FILE"),
            ("nats://127.0.0.1", Some(missing), "--bus-ca is for servers over TLS"),
            ("tls://bus.example", Some(missing), "/no/such/file"),
        ] {
            let told = parse(urls, ca).unwrap_err();
            assert!(told.contains(why) && !told.contains("hunter2"), "{urls}: {told}");
        }
    }
}
