//! Errors in a schedule, worded for its author (docs/schedules.md rule 30).

use std::fmt;

/// The most bytes of a text that an error quotes.
pub(crate) const MAX_QUOTED: usize = 64;

/// Why a schedule, calendar or zone is rejected; each error is one short line, fit for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A part of an expression is invalid.
    Syntax {
        /// The part's field, such as `day-of-month`; `None` for a part outside the fields.
        field: Option<&'static str>,
        /// The part, up to 64 bytes of it.
        item: String,
        /// The byte at which the part begins, from 0.
        offset: usize,
        /// The correct form.
        message: String,
    },
    /// No day of the calendar's 400 years matches.
    NeverFires {
        /// The reason, such as "February has no day 30".
        message: String,
    },
    /// A line of a calendar is invalid.
    Calendar {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes from 1.
        column: usize,
        /// The correct form.
        message: String,
    },
    /// A time zone is unknown, or its file is invalid.
    Zone {
        /// The zone's name, up to 64 bytes of it.
        name: String,
        /// The reason, and the remedy.
        message: String,
    },
}

impl Error {
    /// Returns the error's place in an expression, in bytes from 0; 0 for the whole expression.
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
            Self::NeverFires { message } => write!(f, "never runs: {message}"),
            Self::Calendar { line, column, message } => {
                write!(f, "line {line}, column {column}: {message}")
            }
            Self::Zone { name, message } => write!(f, "time zone \"{name}\": {message}"),
        }
    }
}

impl std::error::Error for Error {}

/// Returns the beginning of a text, fit for a log line.
pub(crate) fn quoted(text: &str) -> String {
    let mut short = String::new();
    for part in text.chars().map(char::escape_debug) {
        if short.len() + part.len() * 4 > MAX_QUOTED
            && short.len() + part.to_string().len() > MAX_QUOTED
        {
            break;
        }
        short.extend(part);
    }
    short
}
