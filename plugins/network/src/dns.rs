//! Name resolution (resolv.conf(5)).

use std::path::Path;

use readers::file;
use serde::Serialize;

const FILE: &str = "/etc/resolv.conf";
/// The servers that systemd-resolved itself queries.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// The `dns` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Dns {
    /// The name servers in /etc/resolv.conf, which programs on this host query.
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
        let mut dns = parse(&file::text(Path::new(FILE)).unwrap_or_default());
        dns.resolved_nameservers =
            file::text(Path::new(RESOLVED)).map(|text| parse(&text).nameservers);
        dns
    }
}

/// Parses one keyword and its values per line; the last `domain` or `search` counts, options add
/// up.
fn parse(text: &str) -> Dns {
    let mut dns = Dns {
        nameservers: Vec::new(),
        search: Vec::new(),
        options: Vec::new(),
        resolved_nameservers: None,
    };
    for line in text.lines() {
        // A comment begins in the first column; some resolvers allow it after a value, too.
        let line = line.split([';', '#']).next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => dns.nameservers.extend(words.next()),
            Some("search") => dns.search = words.collect(),
            Some("domain") => dns.search = words.take(1).collect(),
            Some("options") => dns.options.extend(words),
            _ => {}
        }
    }
    dns
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
        assert_eq!(parse("search a b\ndomain c.example d").search, ["c.example"]);
        assert!(parse("").nameservers.is_empty());
    }
}
