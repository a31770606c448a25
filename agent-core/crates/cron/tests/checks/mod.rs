//! What must hold for any bytes that someone writes as a schedule, a crontab, a calendar or a zone file: one
//! function a reader, each panics where it does not hold.
//!
//! Two callers: the fuzz targets of the same names (tests/fuzz), which look for bytes that break a rule, and
//! the `corpus` test, which repeats what they have found without the fuzzer.

mod calendar;
mod crontab;
mod expression;
mod zone;

pub(crate) use calendar::calendar;
pub(crate) use crontab::crontab;
pub(crate) use expression::expression;
pub(crate) use zone::zone;

/// An error goes to a log and to the peer: one line, and short whatever was written.
fn fit_for_a_log_line(error: &str) {
    assert!(!error.is_empty() && !error.chars().any(char::is_control), "not one line: {error:?}");
    assert!(error.len() <= 1000, "{} bytes of error: {error:?}", error.len());
}
