//! A request's fields, read one by one with errors that name the field and say what it may be.

use crate::json::quote;
use serde_json::{Map, Value};
use std::fmt;
use std::ops::RangeInclusive;

/// A field that is missing, of the wrong kind, or out of its range ([`Retcode::InvalidParams`](crate::Retcode)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParams(pub String);

impl fmt::Display for InvalidParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidParams {}

/// The fields of one message. A field that is `null` counts as absent; fields nobody asks for are ignored (§3).
#[derive(Clone, Copy, Debug)]
pub struct Params<'a>(&'a Map<String, Value>);

impl<'a> Params<'a> {
    /// Reads from a parsed message.
    pub fn new(map: &'a Map<String, Value>) -> Self {
        Self(map)
    }

    fn field(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A string, or nothing.
    ///
    /// # Errors
    /// When the field is there and no string.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "must be a string", other)),
        }
    }

    /// A list of strings; empty when it is absent.
    ///
    /// # Errors
    /// When the field is there and no list, or one of its items is no string.
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

    /// A string that has to be there and not be empty.
    ///
    /// # Errors
    /// When it is absent, empty or no string.
    pub fn required_text(self, name: &str) -> Result<&'a str, InvalidParams> {
        match self.text(name)? {
            Some("") => Err(InvalidParams(format!("{name} must not be empty"))),
            Some(text) => Ok(text),
            None => Err(InvalidParams(format!("{name} is missing"))),
        }
    }

    /// A string of 1 to `max` bytes, or nothing.
    ///
    /// # Errors
    /// When the field is no string, empty, or longer.
    pub fn short_text(self, name: &str, max: usize) -> Result<Option<&'a str>, InvalidParams> {
        match self.text(name)? {
            Some(text) if text.is_empty() || text.len() > max => Err(InvalidParams(format!(
                "{name} must be a string of 1 to {max} bytes, not of {}",
                text.len()
            ))),
            other => Ok(other),
        }
    }

    /// An account by name or by number: a string, or a whole number taken as its digits.
    ///
    /// # Errors
    /// When it is neither, or empty.
    pub fn account(self, name: &str) -> Result<Option<String>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            Some(other) => Err(wrong(name, "must be a name or a number", other)),
        }
    }

    /// A whole number in `range`, or nothing. `unit` completes the sentence "a whole number …".
    ///
    /// # Errors
    /// When it is no whole number (a fraction, a string, an exponent) or out of range.
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
                    let must =
                        format!("must be a whole number{unit} from {} to {}", range.start(), range.end());
                    Err(wrong(name, &must, value))
                }
            },
        }
    }

    /// `true` or `false`; absent is what it says.
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

    /// An object, or nothing.
    ///
    /// # Errors
    /// When the field is there and no object.
    pub fn object(self, name: &str) -> Result<Option<&'a Map<String, Value>>, InvalidParams> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(fields)),
            Some(other) => Err(wrong(name, "must be an object", other)),
        }
    }

    /// One of a few words, or nothing.
    ///
    /// # Errors
    /// When it is any other; the message lists them.
    pub fn one_of<T: Copy>(self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, InvalidParams> {
        let Some(value) = self.field(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        match found {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let list: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                Err(wrong(name, &format!("must be {}", list.join(" or ")), value))
            }
        }
    }

    /// An object whose values are all strings, in order of its keys; absent is empty.
    ///
    /// # Errors
    /// When it is no object or a value is no string; values are never quoted, they may be secrets.
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
