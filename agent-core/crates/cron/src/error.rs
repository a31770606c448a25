//! What can be wrong with a schedule, told to the one who wrote it.

use std::fmt;

/// How much of a text an error quotes, in bytes.
pub(crate) const MAX_QUOTED: usize = 64;

/// Why something is not taken. One short line each, fit for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A part of an expression is not understood.
    Syntax {
        /// The field it stands in, as `day-of-month`; `None` where it is no field's.
        field: Option<&'static str>,
        /// The part, at most 64 bytes of it.
        item: String,
        /// Where it begins, in bytes from 0.
        offset: usize,
        /// What would be right.
        message: String,
    },
    /// No day of the calendar's 400 years matches.
    NeverFires {
        /// Why, as "February has no day 30".
        message: String,
    },
    /// A line of a calendar is not understood.
    Calendar {
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
        /// What would be right.
        message: String,
    },
    /// A time zone is not known, or its file is none.
    Zone {
        /// Its name, at most 64 bytes of it.
        name: String,
        /// Why, and what to do.
        message: String,
    },
}

impl Error {
    /// Where in an expression's text it lies, in bytes from 0; 0 if it is about all of it.
    pub fn offset(&self) -> usize {
        match self {
            Self::Syntax { offset, .. } => *offset,
            Self::NeverFires { .. } | Self::Calendar { .. } | Self::Zone { .. } => 0,
        }
    }

    pub(crate) fn zone(name: &str, message: impl Into<String>) -> Self {
        Self::Zone { name: quoted(name), message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { item, offset, message, .. } if item.is_empty() => {
                write!(f, "column {}: {message}", offset + 1)
            }
            Self::Syntax { item, offset, message, .. } => {
                write!(f, "\"{item}\" at column {}: {message}", offset + 1)
            }
            Self::NeverFires { message } => write!(f, "never fires: {message}"),
            Self::Calendar { line, column, message } => write!(f, "line {line}, column {column}: {message}"),
            Self::Zone { name, message } => write!(f, "time zone \"{name}\": {message}"),
        }
    }
}

impl std::error::Error for Error {}

/// The beginning of a text, fit for a line of a log.
pub(crate) fn quoted(text: &str) -> String {
    let mut short = String::new();
    for part in text.chars().map(char::escape_debug) {
        if short.len() + part.len() * 4 > MAX_QUOTED && short.len() + part.to_string().len() > MAX_QUOTED {
            break;
        }
        short.extend(part);
    }
    short
}
