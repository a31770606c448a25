//! Where an entry is wrong, and why.

use crate::caret::pointed;
use std::fmt;

/// A mistake in a schedule's entry.
///
/// `{}` writes one line; `{:#}` adds the text with a caret below the mistake, where the mistake has a
/// place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryError {
    field: String,
    why: String,
    place: Option<(String, usize)>,
}

impl EntryError {
    pub(super) fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into(), place: None }
    }

    /// Makes an error whose mistake is at a byte of the field's text.
    pub(super) fn at(field: &str, why: impl Into<String>, text: &str, at: usize) -> Self {
        Self { place: Some((text.to_owned(), at)), ..Self::new(field, why) }
    }

    /// Returns the field that is wrong.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns the text around the mistake and a caret below it.
    pub fn pointed(&self) -> Option<String> {
        self.place.as_ref().map(|(text, at)| pointed(text, *at))
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)?;
        match self.pointed() {
            Some(pointed) if f.alternate() => write!(f, "\n{pointed}"),
            Some(_) | None => Ok(()),
        }
    }
}

impl std::error::Error for EntryError {}
