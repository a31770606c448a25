//! Schedules: one at a time, as a set, and how they stand on hosts.

mod body;
mod fleet_wide;
mod kept;
mod one;
mod set;

// With globs, for the descriptions that utoipa makes beside the handlers.
pub(super) use fleet_wide::*;
pub(super) use kept::KeptForecasts;
pub(super) use one::*;
pub(super) use set::*;
