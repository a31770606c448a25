//! Tasks: commands that are accepted durably, run at most once, and whose results are redelivered
//! until they are acknowledged (PROTOCOL §6).
//!
//! Dispatch and the scheduler use [`Tasks`]. Under it, the [`store`] keeps the records of the
//! [`journal`] in a [`table`]; the [`runner`] starts tasks under supervisors, which outlive the
//! agent, and finds them again; [`spool_dir`] reads their output; [`retention`] forgets them.
//! Nothing here sends a reply, and only `exec` starts processes.

mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod in_place;
mod jobs;
mod journal;
mod printed;
mod record;
mod results;
mod retention;
mod room;
mod runner;
mod spool_dir;
mod store;
mod submit;
mod supervisors;
mod table;
mod tasks;

pub(crate) use error::Error;
pub(crate) use jobs::JobStatus;
pub(crate) use journal::CommitError;
pub(crate) use record::{Ended, Ending, Job, JobRun, MAX_COMMAND, Shape, Skipped};
pub(crate) use results::TaskResult;
pub(crate) use runner::{boot_id, wait_until};
pub(crate) use spool_dir::OutputChunk;
pub(crate) use submit::{Submission, Submitted, check_time};
pub(crate) use table::Phase;
pub(crate) use tasks::{Status, Tasks};
