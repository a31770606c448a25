//! A request's fields, read one by one; errors name the field and its valid values.

use crate::json::quote;
use crate::message::AccountId;
use serde_json::{Map, Value};
use std::fmt;
use std::ops::RangeInclusive;

/// A field that is missing, of the wrong type or out of its range
/// ([`Retcode::InvalidParams`](crate::Retcode)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParams(pub String);

impl fmt::Display for InvalidParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidParams {}

/// The fields of one message. `null` equals absent, and unknown fields are ignored (§3).
#[derive(Clone, Copy, Debug)]
pub struct Params<'a>(&'a Map<String, Value>);

impl<'a> Params<'a> {
    /// Wraps the fields of a parsed message.
    pub fn new(map: &'a Map<String, Value>) -> Self {
        Self(map)
    }

    fn field(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Returns a string, or `None` if it is absent.
    ///
    /// # Errors
    /// When the field is not a string.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "must be a string", other)),
        }
    }

    /// Returns a list of strings; an absent field is empty.
    ///
    /// # Errors
    /// When the field is not a list, or an item is not a string.
    pub fn texts(self, name: &str) -> Result<Vec<String>, InvalidParams> {
        let items = match self.field(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(wrong(name, "must be a list of strings", other)),
        };
        let text = |item: &Value| match item {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong(name, "must be a list of strings", other)),
        };
        items.iter().map(text).collect()
    }

    /// Returns a string that must be present and not empty.
    ///
    /// # Errors
    /// When it is absent, empty or not a string.
    pub fn required_text(self, name: &str) -> Result<&'a str, InvalidParams> {
        match self.text(name)? {
            Some("") => Err(InvalidParams(format!("{name} must not be empty"))),
            Some(text) => Ok(text),
            None => Err(InvalidParams(format!("{name} is missing"))),
        }
    }

    /// Returns a string of 1 to `max` bytes, or `None` if it is absent.
    ///
    /// # Errors
    /// When the field is not a string, empty, or longer.
    pub fn short_text(self, name: &str, max: usize) -> Result<Option<&'a str>, InvalidParams> {
        match self.text(name)? {
            Some(text) if text.is_empty() || text.len() > max => Err(InvalidParams(format!(
                "{name} must be a string of 1 to {max} bytes, not {} bytes",
                text.len()
            ))),
            other => Ok(other),
        }
    }

    /// Returns a user or a group, by name or by number.
    ///
    /// # Errors
    /// When it is neither, or empty.
    pub fn account(self, name: &str) -> Result<Option<AccountId>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone().into())),
            Some(other) => match other.as_u64() {
                Some(id) => Ok(Some(AccountId::Number(id))),
                None => Err(wrong(name, "must be a name or a number", other)),
            },
        }
    }

    /// Returns a whole number in `range`, or `None` if it is absent. `unit` completes "a whole
    /// number …".
    ///
    /// # Errors
    /// When it is not a whole number (a fraction, a string, an exponent) or out of range.
    pub fn whole(
        self,
        name: &str,
        unit: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) if range.contains(&number) => Ok(Some(number)),
                _ => {
                    let must = format!(
                        "must be a whole number{unit} from {} to {}",
                        range.start(),
                        range.end()
                    );
                    Err(wrong(name, &must, value))
                }
            },
        }
    }

    /// Returns `true` or `false`, or the value of `absent`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(self, name: &str, absent: bool) -> Result<bool, InvalidParams> {
        match self.field(name) {
            None => Ok(absent),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong(name, "must be true or false", other)),
        }
    }

    /// Returns an object, or `None` if it is absent.
    ///
    /// # Errors
    /// When the field is not an object.
    pub fn object(self, name: &str) -> Result<Option<&'a Map<String, Value>>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(fields)),
            Some(other) => Err(wrong(name, "must be an object", other)),
        }
    }

    /// Returns the meaning of one of a few words, or `None` if it is absent.
    ///
    /// # Errors
    /// When it is anything else; the message lists the words.
    pub fn one_of<T: Copy>(
        self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, InvalidParams> {
        let Some(value) = self.field(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        match found {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let list: Vec<String> =
                    words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                Err(wrong(name, &format!("must be {}", list.join(" or ")), value))
            }
        }
    }

    /// Returns an object whose values are all strings, in order of its keys; an absent field is
    /// empty.
    ///
    /// # Errors
    /// When it is not an object or a value is not a string. Values are never quoted: they may be
    /// secrets.
    pub fn text_map(self, name: &str) -> Result<Vec<(String, String)>, InvalidParams> {
        let entries = match self.field(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err(InvalidParams(format!("{name} must be an object of strings"))),
        };
        entries
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((key.clone(), text.clone())),
                _ => Err(InvalidParams(format!("{name}.{} must be a string", quote(key)))),
            })
            .collect()
    }
}

fn wrong(name: &str, must: &str, found: &Value) -> InvalidParams {
    let found = match found {
        Value::String(text) => format!("\"{}\"", quote(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        plain => plain.to_string(),
    };
    InvalidParams(format!("{name} {must}, not {found}"))
}
