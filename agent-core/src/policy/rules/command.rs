//! Command texts in a rule.
//!
//! An allow rule needs a plain match: the same text; or its beginning, then plain words; or the
//! whole text by an expression, itself of plain words. Plain words hold nothing that the shell acts
//! on, so they cannot start another command. A deny rule matches texts that merely resemble its
//! own. A shell can write any command in endless other ways (quoting, variables, `base64 -d | sh`),
//! so only an allow list confines a controller.

use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;
use std::cell::OnceCell;

/// The most bytes of one compiled expression. It bounds the work per character of a command.
const MAX_REGEX: usize = 64 << 10;

/// The longest command that expressions are tried on: some milliseconds for the slowest. A longer
/// one matches each deny rule with an expression and no allow rule with one.
const MAX_SEARCHED: usize = 8 << 10;

/// The text of one request's command, for one rule after the other.
pub(super) struct Text<'a> {
    raw: &'a str,
    resembles: OnceCell<Resembles>,
}

/// A text as deny rules see it.
struct Resembles {
    plain: String,
    steps: Vec<String>,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str) -> Self {
        Self { raw, resembles: OnceCell::new() }
    }

    fn resembles(&self) -> &Resembles {
        self.resembles
            .get_or_init(|| Resembles { plain: plain(self.raw), steps: steps(self.raw).collect() })
    }
}

/// `commands` in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    exact: Vec<String>,
    prefix: Vec<String>,
    regex: Vec<String>,
}

/// `commands` of an allow rule.
#[derive(Debug)]
pub(super) struct Allowed {
    exact: Vec<String>,
    prefix: Vec<String>,
    /// Each matches a whole text or nothing.
    regex: Vec<Regex>,
}

/// `commands` of a deny rule.
#[derive(Debug)]
pub(super) struct Denied {
    /// As [`steps`] returns them.
    exact: Vec<String>,
    prefix: Vec<String>,
    /// Each matches anywhere.
    regex: Vec<Regex>,
}

impl Written {
    fn check(&self) -> Result<(), String> {
        if self.exact.is_empty() && self.prefix.is_empty() && self.regex.is_empty() {
            return Err("commands is empty; leave it out for any command".to_owned());
        }
        let mut texts = self.exact.iter().chain(&self.prefix).chain(&self.regex);
        if texts.any(|text| text.trim().is_empty()) {
            return Err("commands has an empty text".to_owned());
        }
        // By itself, so that no parenthesis of it closes one of ours.
        self.regex.iter().try_for_each(|pattern| compile(pattern, false).map(drop))
    }

    pub(super) fn allowed(self) -> Result<Allowed, String> {
        self.check()?;
        let whole = |pattern: &String| compile(&format!(r"\A(?:{pattern})\z"), false);
        Ok(Allowed {
            regex: self.regex.iter().map(whole).collect::<Result<_, _>>()?,
            exact: self.exact,
            prefix: self.prefix.iter().map(|text| text.trim_end().to_owned()).collect(),
        })
    }

    pub(super) fn denied(self) -> Result<Denied, String> {
        self.check()?;
        Ok(Denied {
            exact: self.exact.iter().map(|text| plain(text)).collect(),
            prefix: self.prefix.iter().map(|text| plain(text)).collect(),
            regex: self
                .regex
                .iter()
                .map(|pattern| compile(pattern, true))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Compiles an expression. With `generous`, `^` and `$` match at each line and `.` matches a
/// newline too.
fn compile(pattern: &str, generous: bool) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(MAX_REGEX).multi_line(generous).dot_matches_new_line(generous);
    builder.build().map_err(|error| format!("commands.regex \"{pattern}\": {error}"))
}

impl Allowed {
    pub(super) fn matches(&self, text: &Text<'_>) -> bool {
        let cmd = text.raw;
        let begins = |prefix: &String| {
            let rest = cmd.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || (rest.starts_with([' ', '\t']) && is_plain(rest))
            })
        };
        self.exact.iter().any(|exact| exact == cmd)
            || self.prefix.iter().any(begins)
            || (cmd.len() <= MAX_SEARCHED
                && is_plain(cmd)
                && !sets_variable(cmd)
                && self.regex.iter().any(|regex| regex.is_match(cmd)))
    }
}

impl Denied {
    pub(super) fn matches(&self, text: &Text<'_>) -> bool {
        let Resembles { plain, steps } = text.resembles();
        let is_meant = |text: &str| {
            self.exact.iter().any(|exact| exact == text)
                || self.prefix.iter().any(|prefix| text.starts_with(prefix.as_str()))
        };
        let is_found = |regex: &Regex| {
            text.raw.len() > MAX_SEARCHED || regex.is_match(text.raw) || regex.is_match(plain)
        };
        is_meant(plain)
            || steps.iter().any(|step| is_meant(step) || is_meant(without_variables(step)))
            || self.regex.iter().any(is_found)
    }
}

/// Returns whether the text is only words and blanks to the shell. Words may be quoted; the same
/// rule applies within the quotes.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " \t_-.,/:@%+='\"".contains(c))
}

/// Returns whether the first word sets a variable (`LD_PRELOAD=… ls`), which an expression that
/// begins with `.*` would allow.
fn sets_variable(cmd: &str) -> bool {
    cmd.split_whitespace().next().is_some_and(|word| word.contains('='))
}

/// Returns the commands in a text, roughly, each in the form of [`plain`].
fn steps(cmd: &str) -> impl Iterator<Item = String> {
    cmd.split([';', '&', '|', '\n', '\r', '(', ')', '{', '}', '`', '!']).map(plain)
}

/// Returns a command without the variables set before it.
fn without_variables(step: &str) -> &str {
    let mut rest = step;
    while let Some((_, behind)) = rest.split_once(' ').filter(|(word, _)| word.contains('=')) {
        rest = behind;
    }
    rest
}

/// Returns the text without quotes and with single blanks between words, as the shell reads it.
fn plain(text: &str) -> String {
    let text = text.replace(['\'', '"', '\\'], "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
