//! One line under construction: the fields of a JSON object, each text bounded.

use std::fmt::{Display, Write as _};

/// A JSON object under construction.
#[derive(Debug)]
pub(super) struct Line(String);

impl Line {
    pub(super) fn new() -> Self {
        let mut text = String::with_capacity(256);
        text.push('{');
        Self(text)
    }

    /// Adds a text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    /// Adds a text, cut to at most `max` bytes; `KEY_bytes` then holds its length.
    pub(super) fn long_text(&mut self, key: &str, value: &str, max: usize) {
        let end =
            (0..=max.min(value.len())).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        self.text(key, &value[..end]);
        if value.len() > max {
            self.key(key);
            self.0.truncate(self.0.len() - 2);
            let _ = write!(self.0, "_bytes\":{}", value.len());
        }
    }

    /// Adds a number, or another value whose `Display` is JSON.
    pub(super) fn plain(&mut self, key: &str, value: impl Display) {
        self.key(key);
        let _ = write!(self.0, "{value}");
    }

    /// Adds a list of texts, as many as fit into `max` bytes; if some don't, `KEY_count` holds
    /// their number.
    pub(super) fn list<'a>(
        &mut self,
        key: &str,
        values: impl Iterator<Item = &'a str>,
        max: usize,
    ) {
        self.key(key);
        self.0.push('[');
        let (mut count, mut bytes, mut cut) = (0_usize, 0_usize, false);
        for value in values {
            bytes = bytes.saturating_add(value.len());
            cut = cut || bytes > max;
            if !cut {
                if count > 0 {
                    self.0.push(',');
                }
                self.quoted(value);
            }
            count += 1;
        }
        self.0.push(']');
        if cut {
            self.key(key);
            self.0.truncate(self.0.len() - 2);
            let _ = write!(self.0, "_count\":{count}");
        }
    }

    /// Returns the whole line.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    /// Adds a quoted text. More is escaped than JSON requires: the log is also read on terminals,
    /// where DEL and the C1 controls can be commands, and U+2028 and U+2029 line ends.
    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        let plain =
            |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' || byte == b' ';
        // Usually that is the whole text.
        let head = text.bytes().position(|byte| !plain(byte)).unwrap_or(text.len());
        let (head, rest) = text.split_at(head);
        self.0.push_str(head);
        for c in rest.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\t' => self.0.push_str("\\t"),
                c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(c));
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn value(line: Line) -> Value {
        let text = line.finish();
        assert!(text.ends_with("}\n") && !text.trim_end().contains('\n'), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn hostile_texts_stay_one_line_of_json() {
        assert_eq!(value(Line::new()), json!({}));
        let hostile = "a\"b\\c\nd\te\r\u{0}\u{1b}[31m\u{7f}\u{9b}\u{2028}é😀";
        let mut line = Line::new();
        line.text("a", hostile);
        line.plain("n", 1.5);
        line.list("l", [hostile, "x"].into_iter(), 1000);
        let text = line.finish();
        assert!(text.trim_end().chars().all(|c| !c.is_control()), "{text:?}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, json!({"a": hostile, "n": 1.5, "l": [hostile, "x"]}));
    }

    #[test]
    fn long_texts_are_cut_and_their_length_is_kept() {
        let mut line = Line::new();
        line.long_text("cmd", "aéé", 4);
        line.long_text("args", "abcd", 4);
        line.list("env", ["AB", "CD", "E"].into_iter(), 3);
        line.list("none", [].into_iter(), 3);
        assert_eq!(
            value(line),
            json!({"cmd": "aé", "cmd_bytes": 5, "args": "abcd", "env": ["AB"], "env_count": 3, "none": []})
        );
    }
}
