//! Joining (§9): the one request of a connection with the ALPN name
//! [`ENROLL_ALPN`](crate::ENROLL_ALPN); [`super::EnrollReply`] is its reply.

use super::Init;
use crate::{InvalidParams, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

/// The most bytes of a request to enroll or to recover.
pub const MAX_ENROLL: usize = 16 << 10;

/// The label of the keying material that a recovering agent signs (RFC 8446 §7.5); no context.
pub const RECOVER_EXPORTER: &[u8] = b"EXPORTER-basicagent-recover";

/// The most bytes of a join token's text.
pub const MAX_TOKEN: usize = 256;

/// The most bytes of a certificate request, a public key or a signature, in DER.
const MAX_DER: usize = 8 << 10;

/// The most bytes of a SHA-256 in hex, and of a boot's id.
const MAX_SHORT: usize = 64;

/// The most seconds that an agent may wait for an operator's approval in one connection.
pub const MAX_APPROVAL_WAIT: u64 = 60;

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

/// What a joining agent says about itself, and how long it waits. None of it is proof of anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joiner {
    /// The SHA-256 of the host's machine id, in hex.
    pub machine: Option<String>,
    /// The id of the host's present boot.
    pub boot: Option<String>,
    /// The agent's version.
    pub version: Option<String>,
    /// The seconds that the agent waits for an answer where an operator has to approve the host.
    pub wait: u64,
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
    /// Returns what the agent says about itself.
    pub fn joiner(&self) -> &Joiner {
        match self {
            Self::Enroll(Enroll { joiner, .. }) | Self::Recover(Recover { joiner, .. }) => joiner,
        }
    }

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

pub(super) fn hostname(text: &str) -> Result<String, InvalidParams> {
    match Init::is_hostname(text) {
        true => Ok(text.to_owned()),
        false => Err(Init::not_a_hostname(text)),
    }
}

fn joiner(params: Params<'_>) -> Result<Joiner, InvalidParams> {
    let short = |name| Ok(params.short_text(name, MAX_SHORT)?.map(str::to_owned));
    Ok(Joiner {
        machine: short("machine")?,
        boot: short("boot")?,
        version: short("version")?,
        wait: params.whole("wait", " of seconds", 0..=MAX_APPROVAL_WAIT)?.unwrap_or(0),
    })
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

/// Returns whether a field has its default.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
            #[serde(skip_serializing_if = "is_zero")]
            wait: u64,
        }
        let (method, csr) = match self {
            Self::Enroll(enroll) => ("enroll", &enroll.csr),
            Self::Recover(recover) => ("recover", &recover.csr),
        };
        let joiner = self.joiner();
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
            wait: joiner.wait,
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
            (r#"{"method":"enroll","token":"t","csr":"AA==","wait":61}"#, "wait"),
            (r#"{"method":"recover","hostname":"h","csr":"AA==","key":"AA=="}"#, "signature"),
        ];
        for (text, words) in table {
            let error = EnrollRequest::parse(&parse_object(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
