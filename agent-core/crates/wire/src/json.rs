//! The text of one message → a map, strictly.
//!
//! serde_json's own `Value` takes the last of two equal keys. Here a duplicate is rejected at any
//! depth, since two readers of one message must never see two commands. A comma before a closing
//! brace or bracket is accepted (§3).

mod part;

pub use part::check_part;

use crate::Retcode;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The most characters of a peer's text in an error message.
const MAX_QUOTE: usize = 64;

/// The most characters of a sentence by which a peer says what it refuses, and what to do.
const MAX_SENTENCE: usize = 240;

/// Bytes that are not a message of this protocol. The reply to them is failed and has `"id":null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// [`Retcode::Malformed`] or [`Retcode::TooLarge`].
    pub retcode: Retcode,
    /// The fault, for the peer's operator.
    pub message: String,
    /// Whether the start of the next message is unknowable, so that the channel has to close.
    pub fatal: bool,
}

impl Malformed {
    pub(crate) fn new(retcode: Retcode, message: impl Into<String>) -> Self {
        Self { retcode, message: message.into(), fatal: false }
    }

    pub(crate) fn fatal_error(retcode: Retcode, message: impl Into<String>) -> Self {
        Self { retcode, message: message.into(), fatal: true }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.retcode.phrase(), self.message)
    }
}

impl std::error::Error for Malformed {}

/// Parses one JSON object, as [`Decoder`](crate::Decoder) returns it.
///
/// # Errors
/// [`Malformed`], never fatal: not JSON, not an object, or a duplicate key in an object.
pub fn parse_object(text: &str) -> Result<Map<String, Value>, Malformed> {
    let parsed =
        serde_json::from_str::<Strict>(text).or_else(|error| match without_trailing_commas(text) {
            Some(corrected) => serde_json::from_str::<Strict>(&corrected).map_err(|_| error),
            None => Err(error),
        });
    match parsed {
        Ok(Strict(Value::Object(map))) => Ok(map),
        Ok(_) => Err(Malformed::new(Retcode::Malformed, "not a JSON object")),
        Err(error) => Err(Malformed::new(Retcode::Malformed, error.to_string())),
    }
}

/// Shortens and escapes a peer's text for an error message or a log line.
pub fn quote(text: &str) -> String {
    shortened(text, MAX_QUOTE)
}

/// Escapes a peer's sentence for an error message or a log line, and shortens it only where it is
/// longer than a sentence.
pub fn sentence(text: &str) -> String {
    shortened(text, MAX_SENTENCE)
}

fn shortened(text: &str, most: usize) -> String {
    let mut quoted: String = text.chars().take(most).flat_map(char::escape_debug).collect();
    if text.chars().nth(most).is_some() {
        quoted.push('…');
    }
    quoted
}

/// Escapes the control characters of a text: it stays one line of a log, and can't control a
/// terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Returns the text without commas right before `}` or `]`; `None` when there are none.
fn without_trailing_commas(text: &str) -> Option<String> {
    let mut kept = String::with_capacity(text.len());
    let (mut in_string, mut escaped, mut found) = (false, false, false);
    // The length of `kept` before a comma that only white space has followed so far.
    let mut comma: Option<usize> = None;
    let mut before = '{';
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            match c {
                '"' => in_string = true,
                '}' | ']' => {
                    if let Some(at) = comma {
                        kept.remove(at);
                        found = true;
                    }
                }
                _ => {}
            }
            if c == ',' {
                // A comma after nothing separates nothing: it stays, and is an error.
                comma = (!matches!(before, '{' | '[' | ',')).then_some(kept.len());
            } else if !c.is_ascii_whitespace() {
                comma = None;
            }
        }
        if !c.is_ascii_whitespace() {
            before = c;
        }
        kept.push(c);
    }
    found.then_some(kept)
}

/// A JSON value whose objects have no duplicate keys.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key \"{}\"", quote(&key))));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_is_rejected_at_any_depth() {
        for text in [
            r#"{"cmd":"ls","cmd":"rm"}"#,
            r#"{"env":{"A":"1","A":"2"}}"#,
            r#"{"x":[[{"k":1,"k":1}]]}"#,
            r#"{"cmd":"ls","\u0063md":"rm"}"#,
        ] {
            let error = parse_object(text).unwrap_err();
            assert_eq!(error.retcode, Retcode::Malformed, "{text}");
            assert!(error.message.contains("duplicate key"), "{text}: {error}");
            assert!(!error.fatal);
        }
    }

    #[test]
    fn a_comma_before_a_closing_brace_is_accepted() {
        let with = "{\n \"a\": [1, 2 , ],\n \"b\": {\"c\": \",}\",\n },\n}";
        let without = r#"{"a":[1,2],"b":{"c":",}"}}"#;
        assert_eq!(parse_object(with), parse_object(without));
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "{",
            "{}{}",
            "[]",
            "1",
            "{\"a\":}",
            "{,}",
            "{\"a\":1,,}",
            "{\"a\":01}",
            "{a:1}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert!(parse_object(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_message_stays_one_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
    }

    #[test]
    fn quoted_text_is_short_and_on_one_line() {
        assert_eq!(quote("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert_eq!(quote(&"é".repeat(100)).chars().count(), MAX_QUOTE + 1);
        assert_eq!(sentence(&"é".repeat(100)).chars().count(), 100);
    }
}
