//! Prints lists and documents in the format that the flags choose: a table for people, JSON or YAML
//! for programs, or names alone.
//!
//! `format` has the flag; `table` aligns columns; `yaml` writes YAML; `listing` prints a list page
//! by page, so that 100,000 rows need the memory of a thousand; `record` prints one thing, a field
//! per line.

mod format;
pub(crate) mod listing;
mod record;
pub(crate) mod table;
mod yaml;

pub(crate) use format::{Format, Output};
pub(crate) use record::{Record, document};
