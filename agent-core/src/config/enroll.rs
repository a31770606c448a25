//! `[enroll]`: how a host without an identity joins by itself.

use super::{Error, value};
use agent_wire::message::TokenText;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The word before a pin.
const SHA256: &str = "sha256:";

/// The `[enroll]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EnrollSettings {
    /// The join token.
    #[serde(deserialize_with = "token")]
    pub(crate) token: Option<TokenText>,
    /// A file that holds the join token; it is removed once the host has joined.
    pub(crate) token_file: Option<PathBuf>,
    /// How the server is verified before it gets the token.
    #[serde(deserialize_with = "anchor")]
    pub(crate) ca: Option<Anchor>,
}

/// The certificate that a server must present, or the CAs that must have issued its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The SHA-256 of one certificate of the server's chain, in DER.
    Pin([u8; 32]),
    /// A PEM file of CAs.
    File(PathBuf),
}

impl Anchor {
    /// Parses `sha256:` and 64 hex digits, or a path. Colons between the digits, as OpenSSL prints
    /// them, and letter case do not matter.
    ///
    /// # Errors
    /// When a pin is not 64 hex digits.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(digits) =
            text.get(..SHA256.len()).filter(|word| word.eq_ignore_ascii_case(SHA256))
        else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        let digits = &text[digits.len()..];
        let wrong = || {
            format!("a pin is {SHA256} and 64 hex digits, as `BasicAgentCtl ca status` prints it")
        };
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
        let mut pin = [0; 32];
        if digits.len() != 2 * pin.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong());
        }
        for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self::Pin(pin))
    }

    /// Returns a pin's text, or the path.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Pin(pin) => pin.iter().fold(SHA256.to_owned(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        }
    }
}

impl EnrollSettings {
    /// Returns whether the host joins by itself.
    pub(crate) fn is_set(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    pub(super) fn check(&self, found: &mut Vec<Error>) {
        if self.token.is_some() && self.token_file.is_some() {
            found.push(Error::key("enroll.token", "cannot be set together with token_file"));
        }
        if self.is_set() && self.ca.is_none() {
            let why = "is missing: the pin or the CAs by which the server is verified before it \
                       gets the token";
            found.push(Error::key("enroll.ca", why));
        }
        if let Some(path) = &self.token_file {
            found.extend(value::absolute("enroll.token_file", path));
        }
        if let Some(Anchor::File(path)) = &self.ca {
            found.extend(value::absolute("enroll.ca", path));
        }
    }
}

fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TokenText>, D::Error> {
    let text = String::deserialize(deserializer)?;
    TokenText::parse(&text).map(Some).map_err(D::Error::custom)
}

fn anchor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Anchor>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Anchor::parse(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_in_the_forms_that_tools_print_and_a_cut_one_is_rejected() {
        let hex = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        for text in [format!("sha256:{hex}"), format!("SHA256:{colons}")] {
            let anchor = Anchor::parse(&text).unwrap();
            assert_eq!(anchor, Anchor::Pin([10; 32]));
            assert_eq!(anchor.words(), format!("sha256:{hex}"));
        }
        for text in ["sha256:", "sha256:0a", &format!("sha256:{hex}00"), "sha256:\u{e9}"] {
            assert!(Anchor::parse(text).is_err(), "{text}");
        }
        assert_eq!(Anchor::parse("/etc/ca.pem").unwrap(), Anchor::File("/etc/ca.pem".into()));
    }
}
