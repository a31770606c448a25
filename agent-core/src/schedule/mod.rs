//! Scheduled jobs (PROTOCOL §7): computes when they are due, and makes tasks of their runs.
//!
//! Dispatch uses the [`Scheduler`]. The [`due`] loop starts what the [`plan`] says is due; the
//! [`timer`] wakes it then and at no other time, or when the clock is set: then [`step`] says what
//! became of it. [`runs`] turns what is due into tasks. A [`definition`] is read from the stored
//! text of a job; [`planning`] reads jobs and plans them. [`sources`] follows time zones and
//! calendars. [`crontabs`] are read whole, at the start and when the [`watch`] has seen a change,
//! and [`reconcile`] makes the jobs of files match them. Jobs and their history are kept in the
//! store of tasks: a run and the instant it was due are one record there.

mod crontabs;
mod definition;
mod due;
mod error;
mod plan;
mod planning;
mod reconcile;
mod runs;
mod scheduler;
#[cfg(test)]
mod simulation;
mod sources;
mod step;
mod timer;
mod watch;

pub(crate) use crontabs::Crontabs;
pub(crate) use definition::{check, check_zone, resolve};
pub(crate) use error::Error;
pub(crate) use plan::Past;
pub(crate) use scheduler::{JobListing, Scheduler};
pub(crate) use timer::Timer;
