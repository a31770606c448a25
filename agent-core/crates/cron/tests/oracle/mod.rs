//! A second implementation of the schedule language, to compare the crate with. It is written from
//! docs/schedules.md alone, shares no code with the crate, and is simple where the crate is fast.
//!
//! It walks day after day and tests every hour, minute and second of a matching day. Offsets come
//! from `jiff`, which reads the same bytes of the zone database with its own code.

mod day;
mod expression;
mod generate;
mod random;
mod search;
mod zone;

pub(crate) use day::{Days, civil, days_of};
pub(crate) use expression::Oracle;
pub(crate) use random::Random;
pub(crate) use search::{next, prev};
pub(crate) use zone::{Changes, every_zone, tzif};
