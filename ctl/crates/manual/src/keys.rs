//! agent.toml(5) and policy.toml(5), from the example files that are shipped and tested.

use crate::roff;
use std::fmt::Write as _;

/// The configuration with every key, its default and its meaning.
const AGENT: &str = include_str!("../../../../examples/config/agent.toml");

/// A policy, below a description.
const POLICY: &str = include_str!("../../../../examples/config/policy.toml");

/// Our words around the keys.
const AGENT_TEXT: &str = include_str!("../text/agent.toml.5.md");
const POLICY_TEXT: &str = include_str!("../text/policy.toml.5.md");

/// The places of the keys and of the example in our words.
const KEYS: &str = "<!-- keys -->\n";
const EXAMPLE: &str = "<!-- example -->\n";

/// Returns the page's name and text of agent.toml(5).
pub(crate) fn agent() -> (String, String) {
    let name = "agent.toml.5";
    let (before, after) = AGENT_TEXT.split_once(KEYS).expect("the text says where the keys go");
    let page = roff::head(name) + &roff::of_markdown(before) + &keys() + &roff::of_markdown(after);
    (name.to_owned(), page)
}

/// Returns the page's name and text of policy.toml(5).
pub(crate) fn policy() -> (String, String) {
    let name = "policy.toml.5";
    let (before, after) =
        POLICY_TEXT.split_once(EXAMPLE).expect("the text says where the example goes");
    let (_, rules) = POLICY.split_once("\n\n").expect("the rules follow the description");
    let page = roff::head(name)
        + &roff::of_markdown(before)
        + &roff::verbatim(rules.trim_start_matches('\n'))
        + &roff::of_markdown(after);
    (name.to_owned(), page)
}

/// One key, or the head of a section.
struct Entry {
    text: String,
    comment: String,
}

/// Writes a section for each of the file's, with its keys.
fn keys() -> String {
    let mut entries: Vec<Entry> = Vec::new();
    // The first paragraph describes the file.
    for line in AGENT.lines().skip_while(|line| !line.is_empty()) {
        let trimmed = line.trim();
        if line.starts_with(' ') {
            // The comment of the line above goes on.
            if let Some(last) = entries.last_mut() {
                let _ = write!(last.comment, "\n{}", trimmed.trim_start_matches('#').trim());
            }
            continue;
        }
        let (text, comment) = match trimmed.strip_prefix("# ") {
            Some(unset) if is_key(unset) => unset.split_once('#').unwrap_or((unset, "")),
            Some(_) => continue,
            None => trimmed.split_once('#').unwrap_or((trimmed, "")),
        };
        if !text.trim().is_empty() {
            let (text, comment) = (text.trim().to_owned(), comment.trim().to_owned());
            entries.push(Entry { text, comment });
        }
    }
    let mut page = roff::section("KEYS");
    for entry in entries {
        if entry.text.starts_with('[') {
            page.push_str(&roff::section(&entry.text));
            page.push_str(&roff::paragraph(&entry.comment));
        } else {
            let _ = write!(page, ".TP\n\\fB{}\\fR\n", entry.text.replace('-', "\\-"));
            page.push_str(&roff::paragraph(&entry.comment));
        }
    }
    page
}

/// Returns whether a comment is a key without a default.
fn is_key(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(key, _)| {
        key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    })
}
