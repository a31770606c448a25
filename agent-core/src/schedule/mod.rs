//! Scheduled jobs (§7): when they are due, and that they then become tasks.
//!
//! [`Scheduler`] is what dispatch sees. The [`plan`] knows when which job is due and nothing else; the [`timer`] wakes
//! it then and never otherwise; a [`definition`] is what a job says; [`crontabs`] are read whole, at the start and when
//! the [`watch`] has seen a change. Jobs and what they have done are kept in the store
//! of tasks: a run and the instant it was due are one record there. Runs are tasks like any other.

mod crontabs;
mod definition;
mod due;
mod plan;
mod planning;
mod reconcile;
mod scheduler;
#[cfg(test)]
mod simulation;
mod timer;
mod watch;

pub(crate) use definition::{check, resolve};
pub(crate) use scheduler::{Listed, Scheduler, told};
