//! Tasks: commands that are taken durably, run at most once, and whose results are told until they are
//! acknowledged (§6).
//!
//! [`Tasks`] is what dispatch sees. Under it, the [`store`] keeps what the [`journal`] says in a [`table`]; the
//! [`runner`] starts tasks under supervisors, which outlive the agent, and finds them again; [`spool_dir`] reads what
//! they print; [`retention`] forgets. Nothing here replies, and nothing starts a process but by `exec`.

mod jobs;
mod journal;
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

pub(crate) use jobs::JobStatus;
pub(crate) use record::{Due, Ended, How, Job, Shape, Skipped};
pub(crate) use results::Finished;
pub(crate) use runner::{boot_id, wait_until};
pub(crate) use submit::{Submission, Submitted};
pub(crate) use table::{Counts, State};
pub(crate) use tasks::{Piece, Status, Tasks};
