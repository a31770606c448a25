//! Time zone files (TZif, RFC 9636), the POSIX rule at their end, and the calendar arithmetic that
//! both need.
//!
//! Called by `agent-cron`, which turns a zone into a table of offsets, and by `getinfo.time`, which
//! asks for one instant. It is pure: bytes come in, offsets go out. It opens no file and has no
//! clock. Damaged bytes are rejected with an [`Error`]; nothing about them is guessed.
//!
//! There is no crate for this that fits: `tz-rs` rejects version 4 and keeps the days of its rules
//! private, and `jiff` is a whole date-time library.
#![forbid(unsafe_code)]

pub mod civil;
mod error;
mod file;
mod rule;

pub use error::Error;
pub use file::{MAX_BYTES, ZoneFile};
pub use rule::Rule;

/// A zone's offset and name during some stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Seconds east of UTC.
    pub offset: i32,
    /// The abbreviation, such as `CET`; bytes that are not UTF-8 become U+FFFD.
    pub abbreviation: String,
    /// Whether daylight saving time applies.
    pub is_dst: bool,
}
