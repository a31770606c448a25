//! Checks of any bytes that a peer sends: a function for each decoder, which panics where a rule
//! does not hold.
//!
//! The fuzz targets of the same names (tests/fuzz) call them with new bytes, `corpus` with the
//! inputs that the repository keeps.

mod address;
#[cfg(test)]
mod corpus;
mod frame;
mod message;

pub use address::address;
pub use frame::frame;
pub use message::message;

/// Checks that an error fits the peer and the log: one line, and short whatever the peer sent.
fn fits_a_log_line(error: &str) {
    assert!(!error.is_empty() && !error.chars().any(char::is_control), "not one line: {error:?}");
    // A quotation has at most 64 characters, `\u{10ffff}` each at the longest.
    assert!(error.len() <= 1000, "{} bytes of error: {error:?}", error.len());
}
