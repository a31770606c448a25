//! The address of a controller's API: `https://HOST:PORT`, or plain HTTP on loopback.

use crate::error::Error;
use agent_wire::json::quote;
use std::net::IpAddr;
use ureq::http::Uri;

/// The port of HTTPS.
const HTTPS_PORT: u16 = 443;

/// The address of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `https://c.example:7480`, without a path.
    pub(crate) base: String,
    /// The host as a name or an IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

impl Address {
    /// Parses a URL. `source` says where it stands: `--controller`.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other URL, and for plain HTTP beyond this machine.
    pub(crate) fn parse(url: &str, source: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::usage(format!("{source} {}: {why}", quote(url)));
        const EXPECTED: &str = "expected https://HOST:PORT, or http://127.0.0.1:PORT";
        let uri: Uri = url.parse().map_err(|_| wrong(EXPECTED))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (uri.scheme_str(), uri.authority())
        else {
            return Err(wrong(EXPECTED));
        };
        if authority.as_str().contains('@')
            || authority.host().is_empty()
            || !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
        {
            return Err(wrong(EXPECTED));
        }
        let is_tls = scheme == "https";
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_loopback =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !is_tls && !is_loopback {
            return Err(wrong(
                "refused: plain HTTP would expose the token; use https://, or \
                 ssh -L 7480:127.0.0.1:7480 HOST",
            ));
        }
        let port = uri.port_u16().unwrap_or(if is_tls { HTTPS_PORT } else { 80 });
        Ok(Self { base: format!("{scheme}://{authority}"), host, port, is_tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_loopback_only() {
        for (url, accepted) in [
            ("http://127.0.0.1:7480", true),
            ("http://127.0.0.1:7480/", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:7480", true),
            ("http://localhost:7480", true),
            ("http://10.0.0.1:7480", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@example.com", false),
            ("http://0.0.0.0:7480", false),
            ("https://127.0.0.1:7480", true),
            ("https://c.example", true),
            ("https://[2001:db8::1]:7480", true),
            ("https://u:p@c.example", false),
            ("https://c.example/api", false),
            ("https://c.example?x", false),
            ("https://:7480", false),
            ("ftp://127.0.0.1", false),
            ("http://127.0.0.1:7480/api", false),
            ("127.0.0.1:7480", false),
            ("", false),
        ] {
            let found = Address::parse(url, "--controller");
            assert_eq!(found.is_ok(), accepted, "{url}: {found:?}");
        }
    }

    #[test]
    fn the_base_has_no_path_and_the_host_no_brackets() {
        let address = Address::parse("https://[::1]:7480/", "").unwrap();
        assert_eq!((address.base.as_str(), address.host.as_str()), ("https://[::1]:7480", "::1"));
        assert_eq!((address.port, address.is_tls), (7480, true));
        assert_eq!(Address::parse("https://c.example", "").unwrap().port, 443);
    }
}
