//! `server` and `bootstrap`: where the agent connects to.

use super::Error;
use agent_wire::Endpoint;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;

/// How the agent asks a server where to connect (PROTOCOL.md §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bootstrap {
    /// In plain TCP first, then TLS on the same connection.
    Plain,
    /// Inside TLS, from the first byte.
    Tls,
    /// Not at all: TLS from the first byte. The channel's own `init` (§3) may still be redirected,
    /// so on the wire this equals `Tls`.
    Direct,
}

/// One item of `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// An address, with or without a port.
    Address(Endpoint),
    /// A name to resolve, with or without a port.
    Name(String, Option<u16>),
}

impl Server {
    /// Parses `name`, `name:port`, or an address in any form of §1.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        if let Some(endpoint) = Endpoint::parse(text) {
            return Ok(Self::Address(endpoint));
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, port.parse().ok().filter(|port| *port != 0).map(Some)),
            None => (text, Some(None)),
        };
        match (ServerName::try_from(name), port) {
            (Ok(ServerName::DnsName(_)), Some(port)) => Ok(Self::Name(name.to_owned(), port)),
            _ => {
                let text = agent_wire::json::quote(text);
                Err(Error::key("server", format!("\"{text}\" is neither a name nor an address")))
            }
        }
    }

    /// Returns the name that the server's certificate must carry, unless `tls.server_name`
    /// overrides it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Address(endpoint) => endpoint.ip.to_string(),
            Self::Name(name, _) => name.clone(),
        }
    }
}

/// Reads a string, or a list of strings, which is not empty.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of strings")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            match list.is_empty() {
                true => Err(A::Error::custom("server: at least one name or address")),
                false => Ok(list),
            }
        }
    }

    deserializer.deserialize_any(OneOrMany)
}
