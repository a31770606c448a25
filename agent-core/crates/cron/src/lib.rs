//! Schedules: when a job runs next, and when it ran before, by the rules of PROTOCOL.md.
//!
//! Who calls it: the agent's scheduler, `BasicAgentCtl cron`, and the controller's checks. It is pure: time comes in
//! as Unix seconds and goes out as Unix seconds, and the only files it opens are those of the zone database
//! ([`Zones`]). It refuses what would have to be guessed, with the place in the text and what would be right.
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

mod calendar;
pub mod crontab;
mod date;
mod days;
mod error;
mod explain;
mod expression;
mod schedule;
mod zone;

pub use calendar::Calendar;
pub use date::Date;
pub use error::Error;
pub use expression::{Expression, Warning};
pub use schedule::Schedule;
pub use zone::{Zone, Zones};
