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

const HOSTS: &str = "/etc/hosts";

/// Shorter than the sum of the resolver's own timeouts: a round must not hang on a dead DNS server.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(15);

/// The most addresses used of one name.
const MAX_PER_NAME: usize = 16;

/// Where to connect, and the name expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// The name that the certificate must be valid for.
    pub(super) name: ServerName<'static>,
}

/// Returns every address of every configured server. Names that do not resolve are logged and
/// skipped.
pub(super) async fn targets(config: &Config) -> Vec<Target> {
    let hosts = tokio::fs::read_to_string(HOSTS).await.unwrap_or_default();
    let mut found: Vec<Target> = Vec::new();
    for server in config.servers() {
        let text = config.tls.server_name.clone().unwrap_or_else(|| server.name());
        let Ok(name) = ServerName::try_from(text) else { continue };
        let addresses = match &server {
            Server::Address(endpoint) => vec![endpoint.socket(config.port)],
            Server::Name(host, port) => {
                match addresses(host, port.unwrap_or(config.port), &hosts).await {
                    Ok(addresses) => addresses,
                    Err(error) => {
                        log::warn!("{error}");
                        continue;
                    }
                }
            }
        };
        for address in addresses {
            let target = Target { address, name: name.clone() };
            if !found.contains(&target) {
                found.push(target);
            }
        }
    }
    found
}

async fn addresses(host: &str, port: u16, hosts: &str) -> Result<Vec<SocketAddr>, Error> {
    let listed = in_hosts_file(hosts, host);
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

/// Returns the addresses that hosts(5) lines give a name, in the order of the lines. Names compare
/// without case.
fn in_hosts_file(text: &str, host: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(Ok(ip)) = words.next().map(str::parse) else { continue };
        if words.any(|name| name.eq_ignore_ascii_case(host)) && !found.contains(&ip) {
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
        let text = "127.0.0.1\tlocalhost\n127.0.0.1   config.cargo.com\n127.0.0.2 other Config.Cargo.com # x\n\
                    #127.0.0.9 config.cargo.com\n::1 config.cargo.com\nbad config.cargo.com\n127.0.0.1 config.cargo.com";
        let found = in_hosts_file(text, "config.cargo.com");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1", "127.0.0.2", "::1"]);
        assert!(in_hosts_file(text, "cargo.com").is_empty());
    }
}
