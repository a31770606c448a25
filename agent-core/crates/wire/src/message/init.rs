//! `init` and its replies, before TLS and as the first message inside it (§2, §3).

use super::Response;
use crate::{InvalidParams, Params};
use serde::Serialize;
use serde_json::{Map, Value};

/// The most bytes of a host's identity. A certificate names it too, as a DNS name: letters, digits,
/// `.`, `_`, `-`.
pub const MAX_HOSTNAME: usize = 128;

/// The longest wait that a busy server asks for, in seconds.
pub const MAX_BUSY: u64 = 600;

/// The most bytes of a boot's id.
const MAX_BOOT: usize = 64;

/// The agent's introduction. Before TLS it is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Init {
    method: &'static str,
    /// The host's stable identity (the `host_id` setting), not its DNS name.
    pub hostname: String,
    /// The agent's version, for people; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The protocol's version; absent means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u64>,
    /// The id of the host's present boot: two agents of one identity with different ones are two
    /// hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The version of the CAs that an enrolled agent trusts (§9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_version: Option<u64>,
}

impl Init {
    /// The method's name on the wire.
    pub const METHOD: &'static str = "init";

    /// Creates an agent's own introduction.
    pub fn new(hostname: &str, version: &str) -> Self {
        Self {
            method: Self::METHOD,
            hostname: hostname.to_owned(),
            version: Some(version.to_owned()),
            protocol: Some(u64::from(crate::PROTOCOL_VERSION)),
            boot: None,
            ca_version: None,
        }
    }

    /// Reads an `init`.
    ///
    /// # Errors
    /// When `method` is not `init` or `hostname` is not an identity.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        if params.text("method")? != Some(Self::METHOD) {
            return Err(InvalidParams("the first message must be init".to_owned()));
        }
        let hostname = params.required_text("hostname")?;
        if !Self::is_hostname(hostname) {
            return Err(Self::not_a_hostname(hostname));
        }
        Ok(Self {
            method: Self::METHOD,
            hostname: hostname.to_owned(),
            version: params.short_text("version", MAX_HOSTNAME)?.map(str::to_owned),
            protocol: params.whole("protocol", "", 1..=u64::from(u32::MAX))?,
            boot: params.short_text("boot", MAX_BOOT)?.map(str::to_owned),
            ca_version: params.whole("ca_version", "", 0..=u64::MAX)?,
        })
    }

    /// Returns the error of a text that cannot be a host's identity.
    pub(super) fn not_a_hostname(text: &str) -> InvalidParams {
        InvalidParams(format!(
            "hostname must be 1 to {MAX_HOSTNAME} letters, digits, '.', '_' or '-', not \"{}\"",
            crate::json::quote(text)
        ))
    }

    /// Returns whether a text can be a host's identity.
    pub fn is_hostname(text: &str) -> bool {
        (1..=MAX_HOSTNAME).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    }
}

/// A server's reply to `init`.
#[derive(Clone, Debug)]
pub enum InitReply {
    /// Stay: TLS starts on this connection, or, inside TLS, the channel is open.
    Accept,
    /// Go to one of these addresses instead; [`parse_list`](crate::parse_list) reads the text.
    Redirect {
        /// Comma-separated addresses, as they came.
        server: String,
    },
    /// The server has no time for the agent now.
    Busy {
        /// Seconds until the agent asks this server again, at most [`MAX_BUSY`].
        retry_after: u64,
    },
    /// The server refuses the agent with a failed reply, then closes.
    Refused(Response),
}

impl InitReply {
    /// Reads the reply to `init`.
    ///
    /// # Errors
    /// When it is neither `accept`, `redirect` or `busy` nor a failed reply.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        match params.text("method")? {
            Some("accept") => Ok(Self::Accept),
            Some("redirect") => {
                Ok(Self::Redirect { server: params.required_text("server")?.to_owned() })
            }
            Some("busy") => {
                let seconds = params.whole("retry_after", " of seconds", 0..=u64::MAX)?;
                match seconds {
                    Some(seconds) => Ok(Self::Busy { retry_after: seconds.min(MAX_BUSY) }),
                    None => Err(InvalidParams("retry_after is missing".to_owned())),
                }
            }
            Some(other) => Err(InvalidParams(format!(
                "the reply to init must be accept, redirect or busy, not \"{}\"",
                crate::json::quote(other)
            ))),
            None => Ok(Self::Refused(Response::parse(map)?)),
        }
    }

    /// Returns the reply as one line of JSON text, `\n` included.
    pub fn to_line(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Written<'a> {
            method: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            server: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after: Option<u64>,
        }
        let written = |method, server, retry_after| Written { method, server, retry_after };
        let mut out = Vec::new();
        match self {
            Self::Accept => super::line(&written("accept", None, None), &mut out),
            Self::Redirect { server } => {
                super::line(&written("redirect", Some(server), None), &mut out);
            }
            Self::Busy { retry_after } => {
                super::line(&written("busy", None, Some(*retry_after)), &mut out);
            }
            Self::Refused(response) => super::line(response, &mut out),
        }
        out
    }
}
