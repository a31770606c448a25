//! Schedules: cron jobs for all hosts of a selector, and what keeps them true there.
//!
//! A [`Definition`] is one schedule, read from a [file](mod@file) or from a request's body. On each
//! host that its selector matches it becomes the job [`job_name`]`(NAME)`, which carries the
//! definition's [`Definition::revision`]. [`reconcile`](reconcile::reconcile) compares the jobs of
//! a host with those it should have, and answers what to set and to remove; it never names a job of
//! the host's own. [`diff`](diff::diff) is the difference of two sets for people; [`forecast`] is
//! the load of the coming hours; [`standing`] says how a schedule stands on a host.

pub mod definition;
pub mod diff;
mod error;
pub mod file;
pub mod forecast;
pub mod reconcile;
pub mod standing;

pub use definition::{Definition, MAX_NAME, PREFIX, job_name, schedule_name};
pub use error::EntryError;

/// The most schedules of a controller.
pub const MAX_SCHEDULES: usize = 10_000;

#[cfg(test)]
mod tests;
