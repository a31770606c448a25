//! Properties that hold for any bytes from a peer: one function per decoder, which panics where one
//! fails.
//!
//! The fuzz targets of the same names (tests/fuzz) search for bytes that break a property; the
//! `corpus` test repeats the inputs that they found.

mod address;
mod frame;
mod message;

pub(crate) use address::address;
pub(crate) use frame::frame;
pub(crate) use message::message;

/// Checks that an error, which goes to the peer and to the log, is one short line whatever the peer
/// sent.
fn fit_for_a_log_line(error: &str) {
    assert!(!error.is_empty() && !error.chars().any(char::is_control), "not one line: {error:?}");
    // A quotation has at most 64 characters, `\u{10ffff}` each at the longest.
    assert!(error.len() <= 1000, "{} bytes of error: {error:?}", error.len());
}
