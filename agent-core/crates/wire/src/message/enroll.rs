//! Joining (§9): the one request and the one reply of a connection with the ALPN name
//! [`ENROLL_ALPN`](crate::ENROLL_ALPN).

use super::{Init, Resp};
use crate::{InvalidParams, Params, Retcode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

/// The most bytes of a request to enroll or to recover.
pub const MAX_ENROLL: usize = 16 << 10;

/// The most bytes of a reply to it.
pub const MAX_ENROLL_REPLY: usize = 256 << 10;

/// The label of the keying material that a recovering agent signs (RFC 8446 §7.5); no context.
pub const RECOVER_EXPORTER: &[u8] = b"EXPORTER-basicagent-recover";

/// The most bytes of a join token's text.
pub const MAX_TOKEN: usize = 256;

/// The most bytes of a certificate request, a public key or a signature, in DER.
const MAX_DER: usize = 8 << 10;

/// The most bytes of a SHA-256 in hex, and of a boot's id.
const MAX_SHORT: usize = 64;

/// The most seconds that a reply may ask the agent to wait.
const MAX_WAIT: u64 = 24 * 60 * 60;

/// A join token's text. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TokenText(String);

impl TokenText {
    /// Takes a token's text as the operator gave it, without the blanks around it.
    ///
    /// # Errors
    /// When it is empty or too long, or contains blanks or control characters. The message does not
    /// quote it.
    pub fn parse(text: &str) -> Result<Self, InvalidParams> {
        let text = text.trim();
        let is_usable = (1..=MAX_TOKEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        match is_usable {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidParams(format!(
                "token must be 1 to {MAX_TOKEN} characters without blanks"
            ))),
        }
    }

    /// Returns the text, for the wire and for the comparison with a stored digest.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(…)")
    }
}

/// What a joining agent says about itself. None of it is proof of anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joiner {
    /// The SHA-256 of the host's machine id, in hex.
    pub machine: Option<String>,
    /// The id of the host's present boot.
    pub boot: Option<String>,
    /// The agent's version.
    pub version: Option<String>,
}

/// A host's first certificate is asked for with a join token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enroll {
    /// The join token.
    pub token: TokenText,
    /// The certificate request (PKCS #10), in DER.
    pub csr: Vec<u8>,
    /// The host id that the agent would like to have.
    pub hostname: Option<String>,
    /// The agent.
    pub joiner: Joiner,
}

/// A certificate is asked for with the key that the host is known by, after its certificate has
/// expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover {
    /// The host id.
    pub hostname: String,
    /// The certificate request (PKCS #10) of the new key, in DER.
    pub csr: Vec<u8>,
    /// The public key that the host is known by: its SubjectPublicKeyInfo, in DER.
    pub key: Vec<u8>,
    /// That key's signature over [`Recover::signed`]: ECDSA P-256 with SHA-256, in ASN.1.
    pub signature: Vec<u8>,
    /// The agent.
    pub joiner: Joiner,
}

impl Recover {
    /// Returns the bytes that the bound key signs: the connection's keying material
    /// ([`RECOVER_EXPORTER`]) and the SHA-256 of the certificate request.
    pub fn signed(exporter: &[u8; 32], csr_sha256: &[u8; 32]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(exporter);
        bytes[32..].copy_from_slice(csr_sha256);
        bytes
    }
}

/// The one request of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrollRequest {
    /// `enroll`.
    Enroll(Enroll),
    /// `recover`.
    Recover(Recover),
}

impl EnrollRequest {
    /// Reads either request.
    ///
    /// # Errors
    /// When it is neither, names another protocol, or has a field that is not as §9 describes. A
    /// message never quotes the token.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        let method = params.text("method")?;
        let protocol = params.whole("protocol", "", 1..=u64::from(u32::MAX))?;
        if protocol.is_some_and(|version| version != u64::from(crate::PROTOCOL_VERSION)) {
            return Err(InvalidParams(format!(
                "protocol must be {}, not {}",
                crate::PROTOCOL_VERSION,
                protocol.unwrap_or_default()
            )));
        }
        match method {
            Some("enroll") => Ok(Self::Enroll(Enroll {
                token: token(params)?,
                csr: der(params, "csr")?,
                hostname: params.text("hostname")?.map(hostname).transpose()?,
                joiner: joiner(params)?,
            })),
            Some("recover") => Ok(Self::Recover(Recover {
                hostname: hostname(params.required_text("hostname")?)?,
                csr: der(params, "csr")?,
                key: der(params, "key")?,
                signature: der(params, "signature")?,
                joiner: joiner(params)?,
            })),
            _ => Err(InvalidParams("the first message must be enroll or recover".to_owned())),
        }
    }
}

/// Reads the token without quoting it in an error.
fn token(params: Params<'_>) -> Result<TokenText, InvalidParams> {
    match params.text("token") {
        Ok(Some(text)) => TokenText::parse(text),
        Ok(None) => Err(InvalidParams("token is missing".to_owned())),
        Err(_) => Err(InvalidParams("token must be a string".to_owned())),
    }
}

fn hostname(text: &str) -> Result<String, InvalidParams> {
    match Init::is_hostname(text) {
        true => Ok(text.to_owned()),
        false => Err(Init::not_a_hostname(text)),
    }
}

fn joiner(params: Params<'_>) -> Result<Joiner, InvalidParams> {
    let short = |name| Ok(params.short_text(name, MAX_SHORT)?.map(str::to_owned));
    Ok(Joiner { machine: short("machine")?, boot: short("boot")?, version: short("version")? })
}

/// Reads a field of DER in base64; the error does not quote it.
pub(super) fn der(params: Params<'_>, name: &str) -> Result<Vec<u8>, InvalidParams> {
    let text = params.required_text(name)?;
    match BASE64.decode(text) {
        Ok(bytes) if (1..=MAX_DER).contains(&bytes.len()) => Ok(bytes),
        Ok(bytes) => Err(InvalidParams(format!(
            "{name} must be 1 to {MAX_DER} bytes, not {} bytes",
            bytes.len()
        ))),
        Err(_) => Err(InvalidParams(format!("{name} must be base64"))),
    }
}

/// Writes DER as base64.
pub(super) fn base64<S: Serializer>(der: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(der))
}

impl Serialize for EnrollRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            method: &'static str,
            protocol: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            token: Option<&'a TokenText>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hostname: Option<&'a str>,
            #[serde(serialize_with = "base64")]
            csr: &'a [u8],
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            signature: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            machine: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            boot: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            version: Option<&'a str>,
        }
        let (method, csr, joiner) = match self {
            Self::Enroll(Enroll { csr, joiner, .. }) => ("enroll", csr, joiner),
            Self::Recover(Recover { csr, joiner, .. }) => ("recover", csr, joiner),
        };
        let mut written = Written {
            method,
            protocol: crate::PROTOCOL_VERSION,
            token: None,
            hostname: None,
            csr,
            key: None,
            signature: None,
            machine: joiner.machine.as_deref(),
            boot: joiner.boot.as_deref(),
            version: joiner.version.as_deref(),
        };
        match self {
            Self::Enroll(enroll) => {
                written.token = Some(&enroll.token);
                written.hostname = enroll.hostname.as_deref();
            }
            Self::Recover(recover) => {
                written.hostname = Some(&recover.hostname);
                written.key = Some(BASE64.encode(&recover.key));
                written.signature = Some(BASE64.encode(&recover.signature));
            }
        }
        written.serialize(serializer)
    }
}

/// A certificate and what the host needs beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issued {
    /// The host id that the certificate names.
    pub host_id: String,
    /// The host's certificate chain in PEM, leaf first.
    pub certificate: String,
    /// The CAs that servers' certificates chain to, in PEM.
    pub ca: String,
    /// The version of `ca`; a later one has a greater number.
    pub ca_version: u64,
    /// How many keys the host has had, this one included.
    pub generation: u64,
}

/// The reply to `enroll` and `recover`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrollReply {
    /// The host has joined.
    Enrolled(Issued),
    /// An operator has to approve the host: the agent asks again, with the same token and key.
    Pending {
        /// The host id that the operator sees.
        host_id: String,
        /// Seconds until the agent asks again.
        retry_after: u64,
    },
    /// The server rejects the request.
    Refused {
        /// A [`Retcode`]'s number; a later version may have others.
        retcode: u16,
        /// For people.
        message: String,
        /// Seconds after which another attempt may have another outcome.
        retry_after: Option<u64>,
    },
}

impl EnrollReply {
    /// Creates a failed reply; the message is the retcode's phrase, then `detail`.
    pub fn refused(retcode: Retcode, detail: impl fmt::Display, retry_after: Option<u64>) -> Self {
        let message = format!("{}: {detail}", retcode.phrase());
        Self::Refused { retcode: retcode.number(), message, retry_after }
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// When a field is missing or not as §9 describes.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        let resp =
            params.one_of("resp", &[("success", Resp::Success), ("failed", Resp::Failed)])?;
        match resp {
            None => Err(InvalidParams("resp is missing".to_owned())),
            Some(Resp::Failed) => Ok(Self::Refused {
                retcode: retcode(params)?,
                message: params.text("message")?.unwrap_or_default().to_owned(),
                retry_after: retry_after(params)?,
            }),
            Some(Resp::Success) => {
                let data = params.object("data")?;
                let data = data.ok_or_else(|| InvalidParams("data is missing".to_owned()))?;
                let data = Params::new(data);
                let host_id = hostname(data.required_text("host_id")?)?;
                if data.flag("pending", false)? {
                    let retry_after = retry_after(data)?;
                    return match retry_after {
                        Some(retry_after) => Ok(Self::Pending { host_id, retry_after }),
                        None => Err(InvalidParams("retry_after is missing".to_owned())),
                    };
                }
                Ok(Self::Enrolled(Issued {
                    host_id,
                    certificate: data.required_text("certificate")?.to_owned(),
                    ca: data.required_text("ca")?.to_owned(),
                    ca_version: number(data, "ca_version")?,
                    generation: number(data, "generation")?,
                }))
            }
        }
    }

    /// Returns the reply as one line of JSON text, `\n` included.
    pub fn to_line(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Written<'a, D> {
            resp: Resp,
            retcode: u16,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<D>,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after: Option<u64>,
        }
        #[derive(Serialize)]
        struct Wait<'a> {
            host_id: &'a str,
            pending: bool,
            retry_after: u64,
        }
        fn success<'a, D>(message: &'a str, data: D) -> Written<'a, D> {
            Written {
                resp: Resp::Success,
                retcode: 0,
                message,
                data: Some(data),
                retry_after: None,
            }
        }
        let mut out = Vec::new();
        match self {
            Self::Enrolled(issued) => super::line(&success("Enrolled", issued), &mut out),
            Self::Pending { host_id, retry_after } => {
                let wait = Wait { host_id, pending: true, retry_after: *retry_after };
                super::line(&success("Pending", wait), &mut out);
            }
            Self::Refused { retcode, message, retry_after } => super::line(
                &Written::<()> {
                    resp: Resp::Failed,
                    retcode: *retcode,
                    message,
                    data: None,
                    retry_after: *retry_after,
                },
                &mut out,
            ),
        }
        out
    }
}

/// Reads the retcode of a failed reply.
pub(super) fn retcode(params: Params<'_>) -> Result<u16, InvalidParams> {
    params
        .whole("retcode", "", 0..=u64::from(u16::MAX))?
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| InvalidParams("retcode is missing".to_owned()))
}

/// Reads `retry_after`; a longer wait than a day counts as a day.
pub(super) fn retry_after(params: Params<'_>) -> Result<Option<u64>, InvalidParams> {
    let seconds = params.whole("retry_after", " of seconds", 0..=u64::MAX)?;
    Ok(seconds.map(|seconds| seconds.min(MAX_WAIT)))
}

/// Reads a whole number that must be present.
pub(super) fn number(params: Params<'_>, name: &str) -> Result<u64, InvalidParams> {
    params.whole(name, "", 0..=u64::MAX)?.ok_or_else(|| InvalidParams(format!("{name} is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;

    #[test]
    fn a_token_never_shows_in_debug_output_or_in_an_error() {
        let token = TokenText::parse(" bat1.abc.secret\n").unwrap();
        assert_eq!(token.reveal(), "bat1.abc.secret");
        assert!(!format!("{token:?}").contains("secret"));
        for text in ["", "a b", "a\"b", "tok\u{e9}n", &"x".repeat(MAX_TOKEN + 1)] {
            let error = TokenText::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        let map = parse_object(r#"{"method":"enroll","token":["secret"],"csr":"AA=="}"#).unwrap();
        let error = EnrollRequest::parse(&map).unwrap_err().to_string();
        assert!(error.contains("token") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_request_with_a_bad_field_is_rejected_with_the_fields_name() {
        let table = [
            (r#"{"method":"init"}"#, "enroll or recover"),
            (r#"{"method":"enroll","protocol":2,"token":"t","csr":"AA=="}"#, "protocol"),
            (r#"{"method":"enroll","csr":"AA=="}"#, "token is missing"),
            (r#"{"method":"enroll","token":"t","csr":"*"}"#, "csr must be base64"),
            (r#"{"method":"enroll","token":"t","csr":"AA==","hostname":"a/b"}"#, "hostname"),
            (r#"{"method":"recover","hostname":"h","csr":"AA==","key":"AA=="}"#, "signature"),
        ];
        for (text, words) in table {
            let error = EnrollRequest::parse(&parse_object(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
