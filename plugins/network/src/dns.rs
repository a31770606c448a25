//! Name resolution (resolv.conf(5)).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use readers::regular;
use serde::Serialize;

const FILE: &str = "/etc/resolv.conf";
/// The servers that systemd-resolved itself queries.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// The most bytes that are read of either file.
const MAX_BYTES: usize = 1 << 20;
/// The most name servers that libc queries (MAXNS, resolv.conf(5)).
const MAX_NAMESERVERS: usize = 3;

/// The `dns` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Dns {
    /// The name servers in /etc/resolv.conf, which programs on this host query: the first three.
    nameservers: Vec<String>,
    /// Domains in which short names are looked up.
    search: Vec<String>,
    /// Resolver options, such as `ndots:2` or `edns0`.
    options: Vec<String>,
    /// The name servers that systemd-resolved queries in turn; null if it does not run.
    resolved_nameservers: Option<Vec<String>>,
}

impl Dns {
    pub(crate) fn read() -> Self {
        let text = |path: &str| regular::text(Path::new(path), MAX_BYTES);
        let mut dns = parse(&text(FILE).unwrap_or_default());
        dns.nameservers.truncate(MAX_NAMESERVERS);
        dns.resolved_nameservers = text(RESOLVED).ok().map(|text| parse(&text).nameservers);
        dns
    }
}

/// Parses one keyword and its values per line; the last `domain` or `search` counts, options add
/// up. As glibc's resolver does, skips lines that don't begin with the keyword, and name servers
/// that aren't an address.
fn parse(text: &str) -> Dns {
    let mut dns = Dns {
        nameservers: Vec::new(),
        search: Vec::new(),
        options: Vec::new(),
        resolved_nameservers: None,
    };
    for line in text.split('\n') {
        // A comment begins in the first column; some resolvers allow it after a value, too.
        let line = line.split([';', '#']).next().unwrap_or_default();
        let Some((keyword, values)) = line.split_once([' ', '\t']) else { continue };
        let mut words = values.split_ascii_whitespace().map(str::to_owned);
        match keyword {
            "nameserver" => dns.nameservers.extend(words.next().filter(|word| is_address(word))),
            "search" => dns.search = words.collect(),
            "domain" => dns.search = words.take(1).collect(),
            "options" => dns.options.extend(words),
            _ => {}
        }
    }
    dns
}

/// Returns whether a word is an IPv4 address, or an IPv6 address with or without a scope.
fn is_address(word: &str) -> bool {
    let (address, scope) = word.split_once('%').unwrap_or((word, "-"));
    let is_v4 = |text: &str| text.parse::<Ipv4Addr>().is_ok();
    is_v4(word) || (!scope.is_empty() && address.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyword_is_read() {
        let dns = parse(
            "# made by hand\n; old\nnameserver 192.0.2.1\nnameserver\t2001:db8::1%eth0 # second\n\
             domain a.example\nsearch b.example  c.example\noptions ndots:2 edns0\noptions trust-ad\nsortlist x\nnameserver\n",
        );
        assert_eq!(dns.nameservers, ["192.0.2.1", "2001:db8::1%eth0"]);
        assert_eq!(dns.search, ["b.example", "c.example"]);
        assert_eq!(dns.options, ["ndots:2", "edns0", "trust-ad"]);
        let odd = parse(
            " nameserver 192.0.2.7\nnameservers 192.0.2.8\nnameserver example.com\nnameserver\n\
             \tsearch x\nnameserver 192.0.2.256\nnameserver fe80::1%\nnameserver ::1\r\n",
        );
        assert_eq!((odd.nameservers, odd.search), (vec!["::1".to_owned()], Vec::new()));
        assert_eq!(parse("search a b\ndomain c.example d").search, ["c.example"]);
        assert!(parse("").nameservers.is_empty());
    }
}
