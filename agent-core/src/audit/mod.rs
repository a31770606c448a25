//! The audit log: one line of JSON for each request, with who asked, for what, when, and how it ended.
//!
//! `dispatch` opens an [`Entry`] when a request comes and closes it with the answer. A line never holds output, input or
//! the value of a variable. `agent.ping` has none: it does nothing and tells nothing. A log that can't be written
//! holds no request up: what is lost is counted and said.

mod entry;
mod file;
mod line;

pub(crate) use entry::{Audit, Entry, Gathering};
