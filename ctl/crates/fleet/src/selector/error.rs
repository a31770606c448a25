//! Where a selector's text is wrong, and why.

use crate::caret::pointed;
use std::fmt;

/// A mistake in a selector's text.
///
/// `{}` writes one line; `{:#}` adds the text with a caret below the mistake, for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    text: String,
    at: usize,
    why: String,
}

impl SelectorError {
    pub(super) fn new(text: &str, at: usize, why: String) -> Self {
        Self { text: text.to_owned(), at, why }
    }

    /// Returns the byte of the text at which the mistake is.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Returns what is wrong, without the place.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Returns the part of the text around the mistake and, below it, a caret.
    pub fn pointed(&self) -> String {
        pointed(&self.text, self.at)
    }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the selector is wrong at byte {}: {}", self.at, self.why)?;
        if f.alternate() { write!(f, "\n{}", self.pointed()) } else { Ok(()) }
    }
}

impl std::error::Error for SelectorError {}
