//! Checks of any bytes that someone writes as a schedule, a crontab, a calendar or a zone file: a
//! function for each reader, which panics where a rule does not hold.
//!
//! The fuzz targets of the same names (tests/fuzz) call them with new bytes, `corpus` with the
//! inputs that the repository keeps.

mod calendar;
#[cfg(test)]
mod corpus;
mod crontab;
mod expression;
mod zone;

pub use calendar::calendar;
pub use crontab::crontab;
pub use expression::expression;
pub use zone::zone;

/// Checks that an error fits the peer and the log: one line, and short whatever was written.
fn fits_a_log_line(error: &str) {
    assert!(!error.is_empty() && !error.chars().any(char::is_control), "not one line: {error:?}");
    assert!(error.len() <= 1000, "{} bytes of error: {error:?}", error.len());
}
