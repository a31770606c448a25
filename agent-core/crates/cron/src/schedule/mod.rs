//! When an expression runs: instants, in a zone whose clocks go forward and back (rules 21 to 25 of
//! docs/schedules.md).
//!
//! Called by the agent's scheduler for the next run of a job, and by `cron next`.

mod engine;
mod month;
mod range;
mod runs;
mod wall;

pub use runs::Schedule;
