//! Labels that come from facts: which they are is a setting, as `os.id` or `site=acme.site.name`.

use super::method_name;
use crate::{LabelKey, LabelValue};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A label that is known by its key alone, its provider, and the members on the way to the value.
type Named = (&'static str, &'static str, &'static [&'static str]);

/// Every such label.
const NAMED: &[Named] = &[
    ("os.id", "getinfo.os", &["release", "id"]),
    ("os.version_id", "getinfo.os", &["release", "version_id"]),
    ("arch", "getinfo.kernel", &["architecture"]),
    ("kernel.release", "getinfo.kernel", &["release"]),
    ("virtualization", "getinfo.os", &["virtualization", "kind"]),
    ("hostname", "getinfo.os", &["hostname"]),
    (AGENT_VERSION, "", &[]),
];

/// The label whose value comes with the connection, not from a provider.
const AGENT_VERSION: &str = "agent.version";

/// A label whose value is a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactLabel {
    /// The label's key.
    pub key: LabelKey,
    /// The provider's method; `None` for the agent's version.
    pub method: Option<String>,
    /// The members on the way to the value.
    path: Vec<String>,
}

/// A text that describes no such label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactLabelError(String);

impl FactLabel {
    /// Returns the labels that are set where the operator chose none.
    pub fn defaults() -> Vec<Self> {
        NAMED.iter().filter_map(|(key, ..)| key.parse().ok()).collect()
    }

    /// Returns the label's value in a document of its provider; `None` if the document has none.
    pub fn value(&self, document: &Value) -> Option<LabelValue> {
        let found = self.path.iter().try_fold(document, |value, name| value.get(name))?;
        match found {
            Value::String(text) if !text.is_empty() => Some(LabelValue::nearest(text)),
            Value::Number(number) => Some(LabelValue::nearest(&number.to_string())),
            Value::Bool(flag) => Some(LabelValue::nearest(if *flag { "true" } else { "false" })),
            _ => None,
        }
    }

    /// Returns the JSONPath to the value.
    pub fn json_path(&self) -> String {
        self.path.iter().fold("$".to_owned(), |path, name| format!("{path}.{name}"))
    }
}

impl FromStr for FactLabel {
    type Err = FactLabelError;

    /// Reads a known key, or `KEY=PROVIDER.MEMBER.MEMBER`.
    fn from_str(text: &str) -> Result<Self, FactLabelError> {
        let wrong = |why: &str| FactLabelError(format!("{text:?} {why}"));
        let (key, place) = match text.split_once('=') {
            Some((key, place)) => (key, Some(place)),
            None => (text, None),
        };
        let key = LabelKey::new(key).map_err(|error| FactLabelError(error.to_string()))?;
        let Some(place) = place else {
            let found = NAMED.iter().find(|(name, ..)| *name == key.as_str());
            let (_, method, path) = found.ok_or_else(|| {
                let names: Vec<&str> = NAMED.iter().map(|(name, ..)| *name).collect();
                wrong(&format!(
                    "is no label from facts; they are {}, and KEY=PROVIDER.MEMBER for others",
                    names.join(", ")
                ))
            })?;
            return Ok(Self {
                key,
                method: (!method.is_empty()).then(|| (*method).to_owned()),
                path: path.iter().map(|name| (*name).to_owned()).collect(),
            });
        };
        let mut names = place.split('.');
        let method = names.next().and_then(method_name);
        let path: Vec<String> = names.map(str::to_owned).collect();
        let plain = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match method {
            Some(method) if !path.is_empty() && path.iter().all(plain) => {
                Ok(Self { key, method: Some(method), path })
            }
            _ => Err(wrong("must be KEY=PROVIDER.MEMBER, as in site=acme.site.name")),
        }
    }
}

impl fmt::Display for FactLabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FactLabelError {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn label(text: &str) -> FactLabel {
        text.parse().unwrap()
    }

    #[test]
    fn a_label_reads_its_value_and_makes_it_one_that_labels_allow() {
        let kernel = json!({"release": "6.1.0-18-amd64+x", "architecture": "x86_64"});
        let value = |text: &str| label(text).value(&kernel).map(|v| v.as_str().to_owned());
        assert_eq!(value("kernel.release").as_deref(), Some("6.1.0-18-amd64_x"));
        assert_eq!(value("arch").as_deref(), Some("x86_64"));
        assert_eq!(value("os.id"), None);
        let acme =
            json!({"site": {"name": "Köln 7", "rack": 12, "live": true, "x": null, "l": []}});
        for (text, wanted) in [
            ("a=acme.site.name", Some("K_ln_7")),
            ("a=acme.site.rack", Some("12")),
            ("a=getinfo.acme.site.live", None),
            ("a=acme.site.live", Some("true")),
            ("a=acme.site.x", None),
            ("a=acme.site.l", None),
            ("a=acme.none", None),
        ] {
            let Ok(label) = text.parse::<FactLabel>() else {
                assert_eq!(wanted, None, "{text}");
                continue;
            };
            let value = label.value(&acme);
            assert_eq!(value.as_ref().map(LabelValue::as_str), wanted, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_label_is_rejected_with_a_sentence() {
        for text in ["", "os", "host=os.id", "a=", "a=os", "a=os.", "a=os.x y", "a=.x", "ä=os.x"] {
            let error = text.parse::<FactLabel>().unwrap_err().to_string();
            assert!(error.len() > 20, "{text}: {error}");
        }
        assert_eq!(FactLabel::defaults().len(), NAMED.len());
    }
}
