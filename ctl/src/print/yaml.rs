//! Writes JSON as YAML 1.2, for people and for tools that read YAML.
//!
//! Texts are plain where no reader of YAML 1.1 or 1.2 takes them for anything else, and otherwise
//! quoted as JSON, which YAML 1.2 reads. Keys keep their order.

use crate::terminal;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::fmt;

/// A JSON value whose maps keep the order of their keys.
enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Returns a JSON document as YAML, with a line break at its end.
///
/// # Errors
/// If the text is not JSON.
pub(super) fn document(json: &str) -> serde_json::Result<String> {
    let node: Node = serde_json::from_str(json)?;
    let mut text = String::new();
    block(&mut text, &node, 0);
    Ok(text)
}

/// Returns a JSON value as an item of a list, with a line break at its end.
///
/// # Errors
/// If the text is not JSON.
pub(super) fn item(json: &str) -> serde_json::Result<String> {
    document(json).map(|text| indented(&text))
}

fn indented(document: &str) -> String {
    let mut text = String::with_capacity(document.len() * 2);
    for (number, line) in document.lines().enumerate() {
        text.push_str(if number == 0 { "- " } else { "  " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Writes a value as lines at a depth.
fn block(text: &mut String, node: &Node, depth: usize) {
    match node {
        Node::Map(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                indent(text, depth);
                text.push_str(&scalar(key));
                text.push(':');
                after(text, value, depth + 1);
            }
        }
        Node::List(items) if !items.is_empty() => {
            for item in items {
                let mut lines = String::new();
                block(&mut lines, item, 0);
                for line in indented(&lines).lines() {
                    indent(text, depth);
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        leaf => {
            indent(text, depth);
            text.push_str(&flow(leaf));
            text.push('\n');
        }
    }
}

/// Writes a value behind `key:`.
fn after(text: &mut String, value: &Node, depth: usize) {
    match value {
        Node::Map(fields) if !fields.is_empty() => {
            text.push('\n');
            block(text, value, depth);
        }
        // A list stands at the depth of its key, as people write it.
        Node::List(items) if !items.is_empty() => {
            text.push('\n');
            block(text, value, depth - 1);
        }
        leaf => {
            text.push(' ');
            text.push_str(&flow(leaf));
            text.push('\n');
        }
    }
}

fn flow(leaf: &Node) -> String {
    match leaf {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(text) => scalar(text),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
    }
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

/// The words that YAML 1.1 or 1.2 reads as something other than text.
const RESERVED: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];

fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'+')
        })
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    terminal::json(&serde_json::to_string(text).expect("a text serializes to memory"))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_order_and_their_types() {
        let json = r#"{"id":"web-1","up":true,"count":18446744073709551615,"none":null,
            "labels":{"env":"prod","zone":"1"},"clones":[],"list":["a",["b"],{"k":"v","m":{}}],
            "since":"2026-01-01T00:00:00Z","odd":"yes","empty":""}"#;
        let wanted = "\
id: web-1
up: true
count: 18446744073709551615
none: null
labels:
  env: prod
  zone: \"1\"
clones: []
list:
- a
- - b
- k: v
  m: {}
since: \"2026-01-01T00:00:00Z\"
odd: \"yes\"
empty: \"\"
";
        assert_eq!(document(json).unwrap(), wanted);
        assert_eq!(item(r#"{"a":1,"b":[2]}"#).unwrap(), "- a: 1\n  b:\n  - 2\n");
    }

    #[test]
    fn a_text_is_never_read_as_something_else_and_steers_no_terminal() {
        for text in
            ["1", "0x1F", "~", "- a", "a: b", "# c", "NO", "Null", "a\nb", "\u{9b}2J", " x", "é"]
        {
            let yaml = document(&serde_json::to_string(text).unwrap()).unwrap();
            let read: String = serde_json::from_str(yaml.trim_end()).unwrap();
            assert_eq!(read, text, "{yaml}");
            assert!(!yaml.trim_end().contains(char::is_control), "{yaml:?}");
        }
    }
}
