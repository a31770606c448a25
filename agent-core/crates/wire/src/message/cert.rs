//! Certificates in the channel (§9): their renewal, the CAs that the agent trusts, and the
//! server's word that it is about to stop.

use super::enroll::{base64, der};
use super::enroll_reply::{number, retcode, retry_after};
use crate::{InvalidParams, Method, Params};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The most bytes of a renewal's id.
const MAX_RENEWAL_ID: usize = 64;

/// The most bytes of the reason for a reset.
const MAX_REASON: usize = 1024;

/// The longest time after a `goodbye` within which the agents come back, in seconds.
pub const MAX_RETURN: u64 = 3600;

/// `cert.renew`: the agent asks for a certificate for a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertRenew {
    /// Names this renewal. The agent asks again with the same id and key until it has the answer.
    pub renewal_id: String,
    /// The certificate request (PKCS #10) of the new key, in DER.
    pub csr: Vec<u8>,
}

impl CertRenew {
    /// The method's name on the wire.
    pub const METHOD: &'static str = "cert.renew";

    /// Reads a renewal; returns `None` for another message.
    ///
    /// # Errors
    /// When a field is not as §9 describes.
    pub fn parse(map: &Map<String, Value>) -> Result<Option<Self>, InvalidParams> {
        let params = Params::new(map);
        if params.text("method")? != Some(Self::METHOD) {
            return Ok(None);
        }
        Ok(Some(Self { renewal_id: renewal_id(params)?, csr: der(params, "csr")? }))
    }
}

impl Serialize for CertRenew {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            method: &'static str,
            renewal_id: &'a str,
            #[serde(serialize_with = "base64")]
            csr: &'a [u8],
        }
        Written { method: Self::METHOD, renewal_id: &self.renewal_id, csr: &self.csr }
            .serialize(serializer)
    }
}

/// The server's answer to `cert.renew`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertAnswer {
    /// `cert.renewed`.
    Renewed {
        /// The renewal that it answers.
        renewal_id: String,
        /// The host's certificate chain in PEM, leaf first.
        certificate: String,
        /// How many keys the host has had, this one included.
        generation: u64,
        /// The CAs that servers' certificates chain to, in PEM.
        ca: String,
        /// The version of `ca`.
        ca_version: u64,
    },
    /// `cert.refused`.
    Refused {
        /// The renewal that it answers.
        renewal_id: String,
        /// A [`Retcode`](crate::Retcode)'s number; a later version may have others.
        retcode: u16,
        /// For people.
        message: String,
        /// Seconds after which the agent may ask again.
        retry_after: Option<u64>,
    },
}

impl CertAnswer {
    /// The names on the wire.
    const RENEWED: &'static str = "cert.renewed";
    const REFUSED: &'static str = "cert.refused";

    /// Reads an answer; returns `None` for another message.
    ///
    /// # Errors
    /// When a field is not as §9 describes.
    pub fn parse(map: &Map<String, Value>) -> Result<Option<Self>, InvalidParams> {
        let params = Params::new(map);
        match params.text("method")? {
            Some(Self::RENEWED) => Ok(Some(Self::Renewed {
                renewal_id: renewal_id(params)?,
                certificate: params.required_text("certificate")?.to_owned(),
                generation: number(params, "generation")?,
                ca: params.required_text("ca")?.to_owned(),
                ca_version: number(params, "ca_version")?,
            })),
            Some(Self::REFUSED) => Ok(Some(Self::Refused {
                renewal_id: renewal_id(params)?,
                retcode: retcode(params)?,
                message: params.text("message")?.unwrap_or_default().to_owned(),
                retry_after: retry_after(params)?,
            })),
            _ => Ok(None),
        }
    }
}

impl Serialize for CertAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Renewed<'a> {
            method: &'static str,
            renewal_id: &'a str,
            certificate: &'a str,
            generation: u64,
            ca: &'a str,
            ca_version: u64,
        }
        #[derive(Serialize)]
        struct Refused<'a> {
            method: &'static str,
            renewal_id: &'a str,
            retcode: u16,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after: Option<u64>,
        }
        match self {
            Self::Renewed { renewal_id, certificate, generation, ca, ca_version } => Renewed {
                method: Self::RENEWED,
                renewal_id,
                certificate,
                generation: *generation,
                ca,
                ca_version: *ca_version,
            }
            .serialize(serializer),
            Self::Refused { renewal_id, retcode, message, retry_after } => Refused {
                method: Self::REFUSED,
                renewal_id,
                retcode: *retcode,
                message,
                retry_after: *retry_after,
            }
            .serialize(serializer),
        }
    }
}

fn renewal_id(params: Params<'_>) -> Result<String, InvalidParams> {
    match params.short_text("renewal_id", MAX_RENEWAL_ID)? {
        Some(id) => Ok(id.to_owned()),
        None => Err(InvalidParams("renewal_id is missing".to_owned())),
    }
}

/// `cert.trust`: the CAs that servers' certificates chain to from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertTrust {
    /// The CAs, in PEM.
    pub bundle: String,
    /// Their version: a lower one than the agent's is ignored.
    pub version: u64,
}

impl CertTrust {
    /// Reads `bundle` and `version`.
    ///
    /// # Errors
    /// When one is missing or not as §9 describes.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            bundle: params.required_text("bundle")?.to_owned(),
            version: number(params, "version")?,
        })
    }

    /// Returns the request as one line of JSON text, `\n` included.
    pub fn to_line(&self, id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Written<'a> {
            id: &'a str,
            method: &'a str,
            bundle: &'a str,
            version: u64,
        }
        let method = Method::CertTrust.name();
        let mut out = Vec::new();
        super::line(&Written { id, method, bundle: &self.bundle, version: self.version }, &mut out);
        out
    }
}

/// `cert.reset`: the agent sets its key aside and enrolls again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertReset {
    /// Why, for the agent's log.
    pub reason: String,
}

impl CertReset {
    /// Reads `reason`.
    ///
    /// # Errors
    /// When it is not a string of at most 1024 bytes.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let reason = params.short_text("reason", MAX_REASON)?.unwrap_or_default();
        Ok(Self { reason: reason.to_owned() })
    }

    /// Returns the request as one line of JSON text, `\n` included.
    pub fn to_line(&self, id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Written<'a> {
            id: &'a str,
            method: &'a str,
            reason: &'a str,
        }
        let mut out = Vec::new();
        let method = Method::CertReset.name();
        super::line(&Written { id, method, reason: &self.reason }, &mut out);
        out
    }
}

/// `goodbye`: the server is about to stop, or has too many agents; those that it tells come back at a
/// random time within so many seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// Seconds, at most [`MAX_RETURN`].
    pub return_within: u64,
    /// Addresses to try first, as in a redirect; [`parse_list`](crate::parse_list) reads the text.
    pub server: Option<String>,
}

impl Goodbye {
    /// The method's name on the wire.
    pub const METHOD: &'static str = "goodbye";

    /// Reads a goodbye; returns `None` for another message. A longer time than [`MAX_RETURN`]
    /// counts as that.
    ///
    /// # Errors
    /// When `return_within` is missing or no number, or `server` is no text.
    pub fn parse(map: &Map<String, Value>) -> Result<Option<Self>, InvalidParams> {
        let params = Params::new(map);
        if params.text("method")? != Some(Self::METHOD) {
            return Ok(None);
        }
        let return_within = number(params, "return_within")?.min(MAX_RETURN);
        let server = params.text("server")?.map(str::to_owned);
        Ok(Some(Self { return_within, server }))
    }
}

impl Serialize for Goodbye {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            method: &'static str,
            return_within: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            server: Option<&'a str>,
        }
        let Self { return_within, server } = self;
        let written = Written {
            method: Self::METHOD,
            return_within: *return_within,
            server: server.as_deref(),
        };
        written.serialize(serializer)
    }
}
