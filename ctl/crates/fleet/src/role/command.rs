//! Patterns of command texts in a grant.
//!
//! `*` stands for plain words: letters, digits, blanks and the characters of paths and options, so
//! nothing by which the shell would start another command. It stands behind the first word, which
//! is the program. So `systemctl restart *` covers `systemctl restart nginx` but not
//! `systemctl restart x; id`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;

/// The most bytes of a pattern.
const MAX_PATTERN: usize = 1024;

/// The most `*` in a pattern. It bounds the work for a command.
const MAX_STARS: usize = 8;

/// The longest command that a pattern with `*` covers.
const MAX_COMMAND: usize = 8 << 10;

/// A command's text, or one with `*` for any plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPattern(Box<str>);

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It is empty, or only blanks.
    Empty,
    /// It is longer than patterns may be.
    TooLong,
    /// It has more `*` than patterns may have.
    TooManyStars,
    /// Its first word has a `*`, which would cover another program: `/opt/*` covers `/opt/../bin/sh`,
    /// and `a*` covers `a=1 anything`.
    StarInProgram,
}

impl CommandPattern {
    /// Returns the pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the pattern covers a command.
    pub fn covers(&self, command: &str) -> bool {
        let mut literals = self.0.split('*');
        let (Some(first), Some(last)) = (literals.next(), literals.next_back()) else {
            return *self.0 == *command;
        };
        let Some(rest) = command.strip_prefix(first).and_then(|rest| rest.strip_suffix(last))
        else {
            return false;
        };
        // Every literal at its first place leaves the most for the next one. What lies between
        // literals must be plain; if an early place leaves a gap that is not, a later one does too,
        // since its gap holds the early one.
        let mut rest = rest;
        for literal in literals {
            let Some((gap, behind)) = rest.split_once(literal) else {
                return false;
            };
            if !is_plain(gap) {
                return false;
            }
            rest = behind;
        }
        command.len() <= MAX_COMMAND && is_plain(rest)
    }
}

/// Returns whether the text is only words and blanks to the shell. Words may be quoted; the same
/// rule applies within the quotes.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " \t_-.,/:@%+='\"".contains(c))
}

impl FromStr for CommandPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.trim().is_empty() {
            Err(PatternError::Empty)
        } else if text.len() > MAX_PATTERN {
            Err(PatternError::TooLong)
        } else if text.matches('*').count() > MAX_STARS {
            Err(PatternError::TooManyStars)
        } else if text.split_whitespace().next().is_some_and(|program| program.contains('*')) {
            Err(PatternError::StarInProgram)
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => {
                f.write_str("a command is empty; leave \"commands\" out for any command")
            }
            Self::TooLong => write!(f, "a command has more than {MAX_PATTERN} bytes"),
            Self::TooManyStars => write!(f, "a command has more than {MAX_STARS} \"*\""),
            Self::StarInProgram => f.write_str(
                "the first word of a command has a \"*\", so that it would cover other programs; \
                 write the program out",
            ),
        }
    }
}

impl std::error::Error for PatternError {}

impl Serialize for CommandPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CommandPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
