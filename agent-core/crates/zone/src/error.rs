//! Why bytes are not a zone file.

use std::fmt;

/// Why bytes are not a zone file that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin as a TZif file does.
    NotTzif,
    /// There are more bytes than [`MAX_BYTES`](crate::MAX_BYTES).
    TooLong,
    /// The bytes end before the data that the header announces.
    Truncated,
    /// The file lists no offset at all.
    NoOffset,
    /// An offset is outside of the range that RFC 9636 (section 3.2) allows.
    OffsetOutOfRange,
    /// A transition refers to an offset or an abbreviation that the file does not have.
    BadReference,
    /// The transitions are not in ascending order.
    OutOfOrder,
    /// The file has no footer, which versions 2 and later require.
    NoFooter,
    /// The footer is not a rule of the form of POSIX `TZ`.
    BadRule,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTzif => "its file is not a time zone file (TZif)",
            Self::TooLong => "its file is longer than any time zone file",
            Self::Truncated => "its file ends too early",
            Self::NoOffset => "its file has no offset",
            Self::OffsetOutOfRange => "its file has an offset of more than a day",
            Self::BadReference => "its file refers to an offset that it does not have",
            Self::OutOfOrder => "its file has transitions that are out of order",
            Self::NoFooter => "its file has no footer",
            Self::BadRule => "its file has a footer that is not a valid rule",
        })
    }
}

impl std::error::Error for Error {}
