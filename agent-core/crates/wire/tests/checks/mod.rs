//! What must hold for any bytes a peer sends: one function a decoder, each panics where it does not hold.
//!
//! Two callers: the fuzz targets of the same names (tests/fuzz), which look for bytes that break a
//! rule, and the `corpus` test, which repeats what they have found without the fuzzer.

mod address;
mod frame;
mod message;

pub(crate) use address::address;
pub(crate) use frame::frame;
pub(crate) use message::message;

/// An error goes to the peer and to the log: one line, and short whatever the peer sent.
fn fit_for_a_log_line(error: &str) {
    assert!(!error.is_empty() && !error.chars().any(char::is_control), "not one line: {error:?}");
    // A quotation has at most 64 characters, `\u{10ffff}` each at the longest.
    assert!(error.len() <= 1000, "{} bytes of error: {error:?}", error.len());
}
