//! A question about facts: of which provider, and which part of its document.

use super::{FactLabel, method_name};
use std::fmt;

/// The most bytes of a question.
const MAX_TEXT: usize = 4096;

/// A question: `$.packages[?@.name=="openssl"]`, `os.release.id`, `network.interfaces[0].mac`, or
/// the key of a label from facts, as `os.id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The provider's method.
    pub method: String,
    /// The JSONPath within its document.
    pub path: String,
    /// The bytes of the text that do not stand in `path`, which begins with `$` instead.
    pub cut: usize,
}

/// Why a text is no question, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionError {
    /// The byte of the text.
    pub at: usize,
    /// What is wrong there.
    pub why: String,
}

impl Question {
    /// Reads a question. A text that begins with `$` is a JSONPath within the document of `method`;
    /// without one, of the provider that the path's first name names.
    ///
    /// # Errors
    /// When the text names no provider.
    pub fn parse(text: &str, method: Option<&str>) -> Result<Self, QuestionError> {
        let wrong = |at: usize, why: String| QuestionError { at, why };
        if text.len() > MAX_TEXT {
            return Err(wrong(MAX_TEXT, format!("at most {MAX_TEXT} bytes are allowed")));
        }
        if let Some(method) = method {
            let method = method_name(method)
                .ok_or_else(|| wrong(0, format!("{method:?} is no provider's name")))?;
            let path = rooted(text);
            return Ok(Self { method, path, cut: 0 });
        }
        if text.starts_with('$') {
            let name = first_name(text).and_then(method_name).ok_or_else(|| {
                let why = "the path's first name must be a provider, as in $.packages[?@.name==\"a\"]; \
                           for other paths name the provider, as in network.interfaces[0] or by the \
                           method";
                wrong(1.min(text.len()), why.to_owned())
            })?;
            return Ok(Self { method: name, path: text.to_owned(), cut: 0 });
        }
        if let Ok(label) = text.parse::<FactLabel>()
            && let Some(method) = &label.method
            && !text.contains('=')
        {
            return Ok(Self { method: method.clone(), path: label.json_path(), cut: 0 });
        }
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let method = method_name(&text[..end]).ok_or_else(|| {
            wrong(0, "a provider's name must come first, as in os.release.id".to_owned())
        })?;
        Ok(Self { method, path: format!("${}", &text[end..]), cut: end.saturating_sub(1) })
    }
}

/// Puts the root before a path without one; a mistake's place is then a little to the right.
fn rooted(text: &str) -> String {
    match text.chars().next() {
        Some('$') => text.to_owned(),
        None | Some('.' | '[') => format!("${text}"),
        Some(_) => format!("$.{text}"),
    }
}

/// Returns the first name of a path: of `$.name` or `$['name']`.
fn first_name(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('$')?;
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return Some(&rest[..end]);
    }
    let rest = rest.strip_prefix('[')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest[1..].split(quote).next()
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the path is wrong at byte {}: {}", self.at, self.why)
    }
}

impl QuestionError {
    /// Returns the place in a sentence that this error wrote, for a caret below the text.
    pub fn place(sentence: &str) -> Option<usize> {
        let rest = sentence.split_once("the path is wrong at byte ")?.1;
        rest.split_once(':')?.0.parse().ok()
    }
}

impl std::error::Error for QuestionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_its_provider_in_one_of_four_ways() {
        for (text, method, wanted) in [
            ("$.packages[?@.name=='a']", None, Some(("packages", "$.packages[?@.name=='a']"))),
            ("$['mounts'][0]", None, Some(("mounts", "$['mounts'][0]"))),
            ("$.interfaces[0]", Some("network"), Some(("network", "$.interfaces[0]"))),
            (".release.id", Some("getinfo.os"), Some(("os", "$.release.id"))),
            ("release.id", Some("os"), Some(("os", "$.release.id"))),
            ("os.release.id", None, Some(("os", "$.release.id"))),
            ("network.interfaces[0].mac", None, Some(("network", "$.interfaces[0].mac"))),
            ("services", None, Some(("services", "$"))),
            ("os.version_id", None, Some(("os", "$.release.version_id"))),
            ("arch", None, Some(("kernel", "$.architecture"))),
            ("$..name", None, None),
            ("$", None, None),
            ("", None, None),
            ("[0]", None, None),
            ("Os.x", None, None),
            ("$.x", Some("no such"), None),
        ] {
            let found = Question::parse(text, method).ok();
            let found =
                found.as_ref().map(|q| (super::super::short_name(&q.method), q.path.as_str()));
            assert_eq!(found, wanted, "{text}");
        }
    }
}
