//! TOML texts by their lines: every fault at once, and the line of a key. Only `--check-config`
//! needs them; a start ends at the first fault.

use serde::de::DeserializeOwned;
use std::ops::Range;

/// Faults that are looked for in one text.
const MAX_FAULTS: usize = 64;

/// What an unsigned type takes, in words of ours.
const NUMBER: &str = "a whole number from 0";

/// A fault of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The number of its line, from 1.
    pub(crate) line: usize,
    pub(crate) why: String,
}

/// A text that was read.
pub(crate) struct Read<T> {
    /// The settings without the faulty ones; `None` if there are too many faults.
    pub(crate) value: Option<T>,
    /// The text with spaces in the place of its faults.
    pub(crate) rest: String,
    pub(crate) faults: Vec<Fault>,
}

/// Reads a text as far as it can be understood.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Read<T> {
    let (mut text, mut faults, mut removed) = (text.to_owned(), Vec::new(), Vec::new());
    // Each turn takes something out of the text, or ends.
    while faults.len() < MAX_FAULTS {
        let error: toml::de::Error = match toml::from_str(&text) {
            Ok(value) => return Read { value: Some(value), rest: text, faults },
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let line = line_at(&text, span.start);
        let statement = statement(&text, span);
        let taken = &text[statement.clone()];
        if taken.trim().is_empty() {
            faults.push(Fault { line, why: plain(error.message()) });
            break;
        }
        // A key that is missing because it was taken out is no other fault.
        if !is_consequence(error.message(), &removed) {
            faults.push(Fault { line, why: plain(error.message()) });
        }
        removed.push(taken.split('=').next().unwrap_or_default().trim().to_owned());
        let blank: String =
            taken.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect();
        text.replace_range(statement, &blank);
    }
    Read { value: None, rest: text, faults }
}

/// Returns an error on one line, with words of ours in place of the names of Rust's types.
fn plain(error: &str) -> String {
    let mut text = error.replace('\n', "; ");
    for (rust, word) in [
        ("a sequence", "a list"),
        ("usize", NUMBER),
        ("u64", NUMBER),
        ("u32", NUMBER),
        ("i64", "a whole number"),
    ] {
        if let Some(head) = text.strip_suffix(rust) {
            text = format!("{head}{word}");
        }
    }
    text
}

/// Returns whether an error says that a key is missing which was taken out of the text.
fn is_consequence(error: &str, removed: &[String]) -> bool {
    let key = error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    key.is_some_and(|key| removed.iter().any(|name| name == key))
}

/// Returns the line of a key, `exec.grace`, or of a section; `None` if the text does not set it.
pub(crate) fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = String::new();
    let mut place = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if let Some(head) = line.strip_prefix('[') {
            let name = head.split(']').next().unwrap_or_default().trim();
            section = format!("{name}.");
            if name == key {
                place = Some(number + 1);
            }
        } else if let Some((name, _)) = line.split_once('=')
            && key.strip_prefix(&section).is_some_and(|rest| rest == name.trim())
        {
            return Some(number + 1);
        }
    }
    place
}

/// Returns the line of a text's n-th array table, counted from 0.
pub(crate) fn line_of_table(text: &str, head: &str, count: usize) -> Option<usize> {
    let tables = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(head));
    tables.map(|(number, _)| number + 1).nth(count)
}

fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Returns the statement around a fault: a key with its value, or a whole section where its head is
/// wrong, so that its keys do not count for the section before it.
fn statement(text: &str, span: Range<usize>) -> Range<usize> {
    let at = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let start = text[..at.unwrap_or_default()].rfind('\n').map_or(0, |at| at + 1);
    let is_head = text[start..].trim_start().starts_with('[');
    let mut end = start;
    for (number, line) in text[start..].split_inclusive('\n').enumerate() {
        let begins = line.trim_start();
        let is_new = begins.starts_with('[') || !is_head && (begins.is_empty() || is_key(begins));
        if number > 0 && is_new {
            break;
        }
        end += line.len();
    }
    start..end
}

/// Returns whether a line begins with a key.
fn is_key(line: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| {
        let key = key.trim();
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_fault_has_its_line_and_hides_no_other() {
        let text = "sever = 'x'\nport = -1\n[exce]\ngrace = 1\nshell = 2\n[tls]\nca = [\n 'a',\n]\n\
                    key = 'k'\n[exec]\ngrace = 'long'\nmax_running = 3\nshell 4\n[log]\nlevel = 'loud'\n";
        let Read { value: config, faults, .. } = read::<Config>(text);
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 2, 3, 7, 12, 14, 16], "{faults:?}");
        let config = config.unwrap();
        assert_eq!(config.exec.max_running, 3);
        assert_eq!(config.tls.key.as_deref(), Some(std::path::Path::new("k")));
    }

    #[test]
    fn a_text_of_nothing_but_faults_ends() {
        for text in ["[[[", "=", "\u{0}", "a = '''", &"x = 1\n".repeat(200), "é = 1", "[é"] {
            assert!(!read::<Config>(text).faults.is_empty(), "{text}");
        }
        assert_eq!(read::<Config>("").faults, []);
    }

    #[test]
    fn a_key_is_found_in_its_section() {
        let text = "port = 1\n[exec]\n  grace = 2\n[tls]\n# key = 'x'\nkey = 'y'\n";
        for (key, line) in [
            ("port", Some(1)),
            ("exec.grace", Some(3)),
            ("tls.key", Some(6)),
            ("exec", Some(2)),
            ("log.level", None),
        ] {
            assert_eq!(line_of(text, key), line, "{key}");
        }
    }
}
