//! The audit log: one line of JSON per request, with the caller, the request, the time and the
//! outcome.
//!
//! `dispatch` opens an [`Entry`] when a request comes and ends it with the reply. A line never
//! holds output, input or the value of a variable. `agent.ping` has no line: it does nothing and
//! returns nothing. A log that can't be written delays no request: lost lines are counted and
//! reported.

mod entry;
mod file;
mod line;

pub(crate) use entry::{Audit, Entry, Gathering};
