//! The difference of two documents: operations for programs (JSON Patch, RFC 6902) and lines for
//! people.
//!
//! Elements of lists are aligned first, so that one package more is one operation, not a change of
//! every package behind it. `align` finds the alignment; `lines` writes for people.

mod align;
mod lines;

pub use lines::{Line, Sign, lines};

use align::Step;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most operations of one difference.
pub const MAX_OPERATIONS: usize = 10_000;

/// One operation of a JSON Patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What is done.
    pub op: Op,
    /// Where: a JSON pointer (RFC 6901), at the time of the operation.
    pub path: String,
    /// What is added, or takes the old one's place; absent with `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub value: Option<Value>,
}

/// Reads a value that is there, even if it is `null`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Adds a member, or an element before the one at this place.
    Add,
    /// Removes it.
    Remove,
    /// Puts another value in its place.
    Replace,
}

/// Returns the operations that make `new` of `old`, in order. Where there would be more than
/// [`MAX_OPERATIONS`], one operation replaces the whole.
pub fn diff(old: &Value, new: &Value) -> Vec<Operation> {
    let mut patch = Vec::new();
    values(old, new, &mut String::new(), &mut patch);
    if patch.len() > MAX_OPERATIONS {
        return vec![Operation { op: Op::Replace, path: String::new(), value: Some(new.clone()) }];
    }
    patch
}

fn values(old: &Value, new: &Value, path: &mut String, patch: &mut Vec<Operation>) {
    if old == new || patch.len() > MAX_OPERATIONS {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                below(path, name, |path| match new.get(name) {
                    Some(other) => values(value, other, path, patch),
                    None => push(patch, Op::Remove, path, None),
                });
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                below(path, name, |path| push(patch, Op::Add, path, Some(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            // The place in the list as it is after the operations so far.
            let mut place = 0;
            for step in align::steps(old, new) {
                below(path, &place.to_string(), |path| match step {
                    Step::Same => {}
                    Step::Changed(old, new) => values(old, new, path, patch),
                    Step::Removed(_) => push(patch, Op::Remove, path, None),
                    Step::Added(value) => push(patch, Op::Add, path, Some(value)),
                });
                place += usize::from(!matches!(step, Step::Removed(_)));
            }
        }
        _ => push(patch, Op::Replace, path, Some(new)),
    }
}

fn push(patch: &mut Vec<Operation>, op: Op, path: &str, value: Option<&Value>) {
    patch.push(Operation { op, path: path.to_owned(), value: value.cloned() });
}

/// Runs `work` with a member's name added to the path (RFC 6901 §3).
fn below<T>(path: &mut String, name: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push('/');
    path.push_str(&name.replace('~', "~0").replace('/', "~1"));
    let done = work(path);
    path.truncate(length);
    done
}

#[cfg(test)]
mod tests;
