//! A JSONPath (RFC 9535), evaluated on one document at a time.
//!
//! An evaluation cannot be interrupted, so a path whose cost could grow faster than the
//! document is rejected first, as one that walks through the whole document for each node.

use fleet::facts::{Question, QuestionError};
use serde_json::Value;
use serde_json_path::JsonPath;

/// Walks through everything below a node (`..`) in one path.
const MAX_WALKS: usize = 2;

/// Filters in one path.
const MAX_FILTERS: usize = 8;

/// The most bytes of the values that one document contributes to an answer.
const MAX_VALUES: usize = 2048;

/// What the parser says when it knows no reason.
const NO_REASON: &str = "parser error";

/// A question that can be put to documents.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The provider's method.
    pub(crate) method: String,
    /// The JSONPath as it was written.
    pub(crate) text: String,
    path: JsonPath,
}

/// What a document has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Nodes in all.
    pub(crate) count: usize,
    /// The first of them as JSON, as many as fit in `MAX_VALUES` bytes.
    pub(crate) values: Vec<String>,
}

impl Query {
    /// Reads a path.
    ///
    /// # Errors
    /// When it is not one, with the place of the mistake in the question's own text; or when its
    /// cost could not be bounded.
    pub(crate) fn new(question: &Question) -> Result<Self, QuestionError> {
        check(&question.path)
            .and_then(|()| {
                JsonPath::parse(&question.path).map_err(|error| {
                    // The parser often knows no more than the place.
                    let why = match error.message() {
                        why if why.ends_with(NO_REASON) => "a JSONPath cannot go on like this",
                        why => why,
                    };
                    QuestionError { at: error.position(), why: why.to_owned() }
                })
            })
            .map(|path| Self { method: question.method.clone(), text: question.path.clone(), path })
            .map_err(|error| QuestionError { at: error.at + question.cut, ..error })
    }

    /// Returns what a document has at the path; `None`: nothing.
    pub(crate) fn find(&self, document: &Value) -> Option<Found> {
        let nodes = self.path.query(document);
        let count = nodes.len();
        if count == 0 {
            return None;
        }
        let (mut values, mut bytes) = (Vec::new(), 0);
        for node in nodes {
            // A large value is not even written.
            let text = if is_large(node) { String::from("\"…\"") } else { node.to_string() };
            bytes += text.len();
            if bytes > MAX_VALUES {
                break;
            }
            values.push(text);
        }
        Some(Found { count, values })
    }
}

impl Found {
    /// Adds what a later part of the same document has.
    pub(crate) fn append(&mut self, later: &Self) {
        let is_whole = self.values.len() == self.count;
        self.count += later.count;
        // A value that did not fit ends the list.
        if !is_whole {
            return;
        }
        let mut bytes: usize = self.values.iter().map(String::len).sum();
        for value in &later.values {
            bytes += value.len();
            if bytes > MAX_VALUES {
                break;
            }
            self.values.push(value.clone());
        }
    }
}

/// Returns whether a value has too many parts to be shown.
fn is_large(value: &Value) -> bool {
    fn parts(value: &Value, left: &mut usize) -> bool {
        let size = match value {
            Value::String(text) => text.len(),
            _ => 1,
        };
        if *left < size {
            return false;
        }
        *left -= size;
        match value {
            Value::Array(list) => list.iter().all(|value| parts(value, left)),
            Value::Object(members) => members.values().all(|value| parts(value, left)),
            _ => true,
        }
    }
    !parts(value, &mut (MAX_VALUES / 2))
}

/// Rejects paths whose cost could explode. Looks at the text outside of its quoted names.
fn check(path: &str) -> Result<(), QuestionError> {
    let (mut quote, mut escaped) = (None, false);
    let (mut walks, mut filters, mut depth) = (0, 0, 0usize);
    let bytes = path.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate() {
        if let Some(end) = quote {
            (quote, escaped) = match byte {
                _ if escaped => (quote, false),
                b'\\' => (quote, true),
                _ if byte == end => (None, false),
                _ => (quote, false),
            };
            continue;
        }
        let wrong = |why: String| Err(QuestionError { at, why });
        match byte {
            b'\'' | b'"' => quote = Some(byte),
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'?' => {
                filters += 1;
                if filters > MAX_FILTERS {
                    return wrong(format!("at most {MAX_FILTERS} filters are allowed"));
                }
            }
            b'.' if bytes.get(at + 1) == Some(&b'.') => {
                walks += 1;
                if walks > MAX_WALKS {
                    return wrong(format!("at most {MAX_WALKS} times \"..\" are allowed"));
                }
            }
            b'$' if at > 0 && depth > 0 => {
                return wrong(
                    "a filter may look below its own node only: begin with @, not with $"
                        .to_owned(),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(text: &str) -> Result<Query, QuestionError> {
        Query::new(&Question::parse(text, None)?)
    }

    #[test]
    fn a_path_finds_what_rfc_9535_says() {
        let document = json!({"packages": [
            {"name": "openssl", "version": "3.0.11"}, {"name": "bash", "version": "5.2"}
        ]});
        for (path, wanted) in [
            (r#"$.packages[?@.name=="openssl"].version"#, vec![r#""3.0.11""#]),
            ("packages.packages[*].name", vec![r#""openssl""#, r#""bash""#]),
            (r#"$.packages[?match(@.name, "ba.*")].version"#, vec![r#""5.2""#]),
            ("packages..version", vec![r#""3.0.11""#, r#""5.2""#]),
            (r#"$.packages[?@.name=="none"]"#, vec![]),
        ] {
            let found = query(path).unwrap().find(&document);
            let values = found.as_ref().map(|found| found.values.clone()).unwrap_or_default();
            assert_eq!(values, wanted, "{path}");
            assert_eq!(found.map_or(0, |found| found.count), wanted.len(), "{path}");
        }
        let large = json!({"packages": vec!["x".repeat(1000); 100]});
        let found = query("$.packages").unwrap().find(&large).unwrap();
        assert_eq!((found.count, found.values), (1, vec!["\"…\"".to_owned()]));
        let found = query("$.packages[*]").unwrap().find(&large).unwrap();
        assert_eq!((found.count, found.values.len()), (100, 2));
    }

    #[test]
    fn a_mistake_has_its_place_in_the_text_that_was_written() {
        for text in [
            "$.packages[?@.name==",
            "packages.packages[?@.name==",
            "$.packages[?@.name=='a]",
            "os.release..",
        ] {
            let error = query(text).unwrap_err();
            assert!(error.at <= text.len() && error.at > 3, "{text}: {error}");
            let sentence = error.to_string();
            assert_eq!(QuestionError::place(&sentence), Some(error.at));
            assert!(!sentence.contains("position") && !sentence.contains(NO_REASON), "{sentence}");
        }
    }

    #[test]
    fn paths_whose_cost_could_explode_are_rejected() {
        for text in [
            "packages..[?@..[?@..x]]",
            "packages..[?$..x]",
            "packages..*..*..*",
            "packages[?@.a][?@.b][?@.c][?@.d][?@.e][?@.f][?@.g][?@.h][?@.i]",
        ] {
            assert!(query(text).is_err(), "{text}");
        }
        // Within quotes, none of these mean anything.
        assert!(query("$.packages['$..?..?..']").is_ok());
        assert!(query(r#"$.packages["a\"$..[?..?.."]"#).is_ok());
    }
}
