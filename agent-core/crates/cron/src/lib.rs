//! Schedules: when a job runs next, and when it ran before, by the rules of docs/schedules.md.
//!
//! The agent's scheduler and `BasicAgentCtl cron` call it. It is pure: time comes in as Unix
//! seconds and goes out as Unix seconds, and the only files it opens are those of the zone database
//! ([`Zones`]). It rejects text whose meaning it would have to guess, with the place and a correct
//! form.
//!
//! The engine is the crate `cron`, used only where it is exact: for plain numbers on a clock that
//! never changes. In a zone its times go back when clocks do: in New York, at 01:10 after the
//! clocks went back from 02:00 to 01:00, its next `0 */30 * * * *` is 01:30 of the first pass, 40
//! minutes ago, so that a loop that waits for the next time runs 36,002 times in that hour. Our own
//! parser, days as masks of a month, and offsets as a table surround it (`schedule/engine.rs` lists
//! the reasons, and tests that each still holds).
//!
//! ```
//! use agent_cron::{Expression, Schedule, Zone};
//!
//! let expression = Expression::parse("0 30 9 * * MON-FRI")?;
//! let schedule = Schedule::new(&expression, &Zone::utc(), None);
//! // From Friday 2026-01-02 09:30:00 to Monday.
//! assert_eq!(schedule.next(1_767_346_200), Some(1_767_605_400));
//! # Ok::<(), agent_cron::Error>(())
//! ```
#![forbid(unsafe_code)]

mod blanks;
mod calendar;
pub mod crontab;
mod date;
mod days;
mod error;
mod explain;
mod expression;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod schedule;
mod zone;

pub use calendar::Calendar;
pub use date::Date;
pub use error::Error;
pub use expression::{Expression, Warning};
pub use schedule::Schedule;
pub use zone::{Zone, Zones};
