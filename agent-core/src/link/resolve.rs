//! Configured servers → addresses to try, in order (§1), resolved again in each round.
//!
//! /etc/hosts is read here and not through getaddrinfo(3) alone: without `multi on` in
//! /etc/host.conf glibc returns only the first of several lines for a name, and several lines are
//! how servers are configured.

use super::Error;
use crate::config::{Config, Server};
use rustls_pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::fs::OpenOptions;
use tokio::io::AsyncReadExt as _;

const HOSTS: &str = "/etc/hosts";

/// Bytes of /etc/hosts that are read: lists of blocked names have some MiB.
const MAX_HOSTS_BYTES: u64 = 64 << 20;

/// Shorter than the sum of the resolver's own timeouts: a round must not hang on a dead DNS server.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(15);

/// The most addresses used of one name.
const MAX_PER_NAME: usize = 16;

/// Where to connect, and the name expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The name that the certificate must be valid for.
    pub(crate) name: ServerName<'static>,
}

/// Returns the addresses of one configured server, in order.
///
/// # Errors
/// Its name has no address.
pub(crate) async fn targets(server: &Server, config: &Config) -> Result<Vec<Target>, Error> {
    let text = config.tls.server_name.clone().unwrap_or_else(|| server.name());
    let Ok(name) = ServerName::try_from(text) else { return Ok(Vec::new()) };
    let addresses = match server {
        Server::Address(endpoint) => vec![endpoint.socket(config.port)],
        Server::Name(host, port) => addresses(host, port.unwrap_or(config.port)).await?,
    };
    Ok(addresses.into_iter().map(|address| Target { address, name: name.clone() }).collect())
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let listed = in_hosts_file(&hosts_file().await, host);
    if !listed.is_empty() {
        return Ok(listed
            .into_iter()
            .take(MAX_PER_NAME)
            .map(|ip| SocketAddr::new(ip, port))
            .collect());
    }
    let unresolved = |source| Error::Resolve { name: host.to_owned(), source };
    match tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.take(MAX_PER_NAME).collect()),
        Ok(Err(error)) => Err(unresolved(error)),
        Err(_) => {
            let why = format!("no answer in {} s", RESOLVE_TIMEOUT.as_secs());
            Err(unresolved(io::Error::new(io::ErrorKind::TimedOut, why)))
        }
    }
}

/// Reads /etc/hosts. Without it, or where it is something else than a file, the system's resolver
/// answers alone.
async fn hosts_file() -> Vec<u8> {
    let mut text = Vec::new();
    // O_NONBLOCK: a FIFO in its place must not hold up the round.
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(HOSTS).await;
    if let Ok(file) = file
        && file.metadata().await.is_ok_and(|data| data.is_file())
        && let Err(error) = file.take(MAX_HOSTS_BYTES).read_to_end(&mut text).await
    {
        log::warn!("{HOSTS}: {error}");
    }
    text
}

/// Returns the addresses that hosts(5) lines give a name, in the order of the lines. Names compare
/// without case.
///
/// The file has no encoding: bytes that are not UTF-8, in a comment for instance, spoil no more
/// than the word that they are in.
fn in_hosts_file(text: &[u8], host: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let address = words.next().and_then(|word| str::from_utf8(word).ok());
        let Some(Ok(ip)) = address.map(str::parse) else { continue };
        if words.any(|name| name.eq_ignore_ascii_case(host.as_bytes())) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_hosts_file_counts() {
        let text = b"\xef\xbb\xbf# B\xfcro\n127.0.0.1\tlocalhost\n127.0.0.1   config.cargo.com\n127.0.0.2 \xff other Config.Cargo.com # x\xfc\n\
                    #127.0.0.9 config.cargo.com\n::1 config.cargo.com\nbad config.cargo.com\n127.0.0.1 config.cargo.com";
        let found = in_hosts_file(text, "config.cargo.com");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1", "127.0.0.2", "::1"]);
        assert!(in_hosts_file(text, "cargo.com").is_empty());
    }
}
