//! Labels of hosts, with the syntax of Kubernetes labels.
//!
//! A key is a name of at most 63 characters, optionally with a DNS prefix: `role`, `os.id`,
//! `example.com/role`. A value is empty or looks like a name. The key `host` is not free: in a
//! selector it stands for the host id.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The most characters of a key's name and of a value.
const MAX_NAME: usize = 63;

/// The most characters of a key's prefix.
const MAX_PREFIX: usize = 253;

/// The most labels that a token or an operator can give one host.
pub const MAX_LABELS: usize = 64;

/// The key that stands for the host id in a selector.
pub(crate) const HOST: &str = "host";

/// A label's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelKey(Box<str>);

/// A label's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValue(Box<str>);

/// A host's labels. In JSON, TOML and the database: one object of texts.
pub type Labels = BTreeMap<LabelKey, LabelValue>;

/// Where a host's label comes from. Of two labels with one key, the one from the greater source
/// counts: a host that reports false facts cannot take the place of an operator's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelSource {
    /// The host's own answer to `getinfo`.
    Fact,
    /// The join token that admitted the host.
    Token,
    /// An operator.
    Operator,
}

/// Why a text is not a label's key or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelError {
    text: String,
    why: &'static str,
}

const KEY: &str = "a label's key has 1 to 63 letters, digits, \"-\", \"_\" or \".\", the first and \
                   the last a letter or digit, and may have a DNS name and \"/\" before it";
const VALUE: &str = "a label's value is empty or has up to 63 letters, digits, \"-\", \"_\" or \
                     \".\", the first and the last a letter or digit";
const RESERVED: &str = "the key \"host\" stands for the host id; choose another";

impl LabelKey {
    /// Returns the key with this text.
    ///
    /// # Errors
    /// When the text is not a key, or is `host`.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        let why = match text.split_once('/') {
            _ if text == HOST => RESERVED,
            None if is_name(text) => return Ok(Self(text.into())),
            Some((prefix, name)) if is_prefix(prefix) && is_name(name) => {
                return Ok(Self(text.into()));
            }
            None | Some(_) => KEY,
        };
        Err(LabelError { text: text.to_owned(), why })
    }

    /// Returns the key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LabelValue {
    /// Returns the value with this text.
    ///
    /// # Errors
    /// When the text is not a value.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        match text.is_empty() || is_name(text) {
            true => Ok(Self(text.into())),
            false => Err(LabelError { text: text.to_owned(), why: VALUE }),
        }
    }

    /// Returns the value nearest to a fact, which may be any text: other characters become `_`, and
    /// what cannot begin or end a value is cut off.
    pub fn nearest(fact: &str) -> Self {
        let keep = |c: char| if c.is_ascii() && is_inner(c as u8) { c } else { '_' };
        let text: String = fact.trim().chars().take(MAX_NAME).map(keep).collect();
        Self(text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).into())
    }

    /// Returns the value's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether `text` is what Kubernetes calls a qualified name without prefix.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= MAX_NAME
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| is_inner(*byte))
}

const fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Returns whether `text` is a DNS subdomain in lower case.
fn is_prefix(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= MAX_PREFIX && text.split('.').all(is_part)
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut: String = self.text.chars().take(MAX_NAME + 1).collect();
        let dots = if cut.len() < self.text.len() { "…" } else { "" };
        write!(f, "{:?}: {}", format!("{cut}{dots}"), self.why)
    }
}

impl std::error::Error for LabelError {}

/// Implements what a checked text needs: its text back, and serde through its own check.
macro_rules! checked_text {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = LabelError;

            fn from_str(text: &str) -> Result<Self, LabelError> {
                Self::new(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

checked_text!(LabelKey);
checked_text!(LabelValue);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_kubernetes() {
        let (name, prefix) = ("a".repeat(63), "b.".repeat(126) + "b");
        for key in ["a", "os.id", "os.version_id", "A-b_c.9", "example.com/role", "in", "notin"] {
            assert!(LabelKey::new(key).is_ok(), "{key}");
        }
        assert!(LabelKey::new(&format!("{prefix}/{name}")).is_ok());
        for key in [
            "",
            "-a",
            "a-",
            ".a",
            "a.",
            "_a",
            "a b",
            "a=b",
            "é",
            "/a",
            "a/",
            "a/b/c",
            "-x/a",
            "x-/a",
            "X.com/a",
            "x..y/a",
            "x_y/a",
            "a,b",
            "host",
            &format!("{name}a"),
            &format!("{prefix}bb/a"),
        ] {
            assert!(LabelKey::new(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn values_follow_kubernetes() {
        for value in ["", "a", "1", "6.1.0-18-amd64", "A_b.c", &"v".repeat(63)] {
            assert!(LabelValue::new(value).is_ok(), "{value:?}");
        }
        for value in ["-", "a-", "a b", "a/b", "a=b", "é", "\"a\"", &"v".repeat(64)] {
            assert!(LabelValue::new(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_fact_becomes_the_nearest_value() {
        for (fact, wanted) in [
            ("6.1.0-18-amd64", "6.1.0-18-amd64"),
            ("6.8.0+", "6.8.0"),
            ("5.10.0-0+deb11", "5.10.0-0_deb11"),
            (" Debian GNU/Linux \n", "Debian_GNU_Linux"),
            ("+++", ""),
            ("", ""),
            ("é", ""),
        ] {
            assert_eq!(LabelValue::nearest(fact).as_str(), wanted, "{fact:?}");
        }
        assert_eq!(LabelValue::nearest(&"x".repeat(100)).as_str(), "x".repeat(63));
    }

    #[test]
    fn labels_are_an_object_of_texts() {
        let labels: Labels = serde_json::from_str(r#"{"role":"web","env":"prod"}"#).unwrap();
        assert_eq!(labels.get("env").map(LabelValue::as_str), Some("prod"));
        assert_eq!(serde_json::to_string(&labels).unwrap(), r#"{"env":"prod","role":"web"}"#);
        for bad in [r#"{"host":"x"}"#, r#"{"a b":"x"}"#, r#"{"a":"x y"}"#, r#"{"a":1}"#] {
            assert!(serde_json::from_str::<Labels>(bad).is_err(), "{bad}");
        }
    }
}
