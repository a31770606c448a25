//! The difference of two documents for people: a line for each thing that changed.

use super::align::{self, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most lines of one difference.
const MAX_LINES: usize = 2000;

/// The most characters of a value in a line.
const MAX_VALUE: usize = 200;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What became of it.
    pub sign: Sign,
    /// Where it is: names of members, and of elements in brackets.
    pub path: String,
    /// The value before; absent where it is new.
    pub old: Option<String>,
    /// The value now; absent where it is gone.
    pub new: Option<String>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another one.
    Changed,
}

/// Returns the lines; `true`: there would be more.
pub fn lines(old: &Value, new: &Value) -> (Vec<Line>, bool) {
    let mut lines = Vec::new();
    values(old, new, "", &mut lines);
    let more = lines.len() > MAX_LINES;
    lines.truncate(MAX_LINES);
    (lines, more)
}

fn values(old: &Value, new: &Value, path: &str, lines: &mut Vec<Line>) {
    if old == new || lines.len() > MAX_LINES {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let path = member(path, name);
                match new.get(name) {
                    Some(other) => values(value, other, &path, lines),
                    None => lines.push(line(Sign::Removed, &path, Some(value), None)),
                }
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                lines.push(line(Sign::Added, &member(path, name), None, Some(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (place, step) in align::steps(old, new).into_iter().enumerate() {
                let element = |value: &Value| match align::name(value) {
                    Some(name) => format!("{path}[{name}]"),
                    None => format!("{path}[{place}]"),
                };
                match step {
                    Step::Same => {}
                    Step::Changed(old, new) => values(old, new, &element(new), lines),
                    Step::Removed(value) => {
                        lines.push(line(Sign::Removed, &element(value), Some(value), None));
                    }
                    Step::Added(value) => {
                        lines.push(line(Sign::Added, &element(value), None, Some(value)));
                    }
                }
            }
        }
        _ => lines.push(line(Sign::Changed, path, Some(old), Some(new))),
    }
}

fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn line(sign: Sign, path: &str, old: Option<&Value>, new: Option<&Value>) -> Line {
    Line { sign, path: path.to_owned(), old: old.map(shown), new: new.map(shown) }
}

/// Writes a value in one line: of an object its version, if it has one, as of a package.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => match members.get("version").and_then(Value::as_str) {
            Some(version) => version.to_owned(),
            None => value.to_string(),
        },
        _ => value.to_string(),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
