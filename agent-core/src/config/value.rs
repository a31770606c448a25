//! Reading and checking single values.

use super::Error;
use serde::Deserialize as _;
use serde::de::{Deserializer, Error as _};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

/// Reads a whole number of seconds.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

/// Reads a port number.
pub(super) fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let port = u16::try_from(number).ok().filter(|port| *port != 0);
    port.ok_or_else(|| D::Error::custom("port must be from 1 to 65535"))
}

/// Reads a whole number of days.
pub(super) fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let days = u64::deserialize(deserializer)?;
    let seconds = days.checked_mul(DAY).ok_or_else(|| D::Error::custom("too many days"))?;
    Ok(Duration::from_secs(seconds))
}

/// Returns the error of a number that lies outside of its range.
pub(super) fn within<T: Copy + PartialOrd + Display>(
    key: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Option<Error> {
    let (least, most) = range.into_inner();
    let is_wrong = value < least || value > most;
    is_wrong.then(|| Error::key(key, format!("must be from {least} to {most}, not {value}")))
}

/// Returns the error of a path that is not absolute.
pub(super) fn absolute(key: &'static str, path: &Path) -> Option<Error> {
    let why = || format!("must be an absolute path, not \"{}\"", path.display());
    (!path.is_absolute()).then(|| Error::key(key, why()))
}
