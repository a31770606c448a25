//! An expression in words that a person would write: "at 09:00, Monday to Friday".
//!
//! Called by `cron explain` and `cron list`. A sentence that lists times lists all of them and no
//! others; where the times have no short form, it describes the fields. It speaks of the time of
//! day as clocks show it; rules 24 and 25 of docs/schedules.md say what happens to a time that the
//! clocks skip or repeat.

mod day;
mod sentence;
mod time;
mod words;
