//! A log of records that survives `kill -9` and a power cut at any instruction.
//!
//! Why a log of our own and not a database: it only has to append, sync, and be read whole at the
//! start, and a database would have been a quarter of the agent's size (redb +1.4 MB, SQLite
//! +2.4 MB). With the file's space allocated beforehand, one commit is one write and one
//! fdatasync(2): as little as durability costs at all.
//!
//! [`segment`] is the file format, [`log`] writes the file, [`disk`] has the few file operations
//! that this takes, and [`committer`] gathers concurrent requests into one sync. None of them knows
//! the records' meaning.

mod committer;
mod disk;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod log;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use committer::{CommitError, Committer, Priority, Replica};
pub(crate) use disk::Directory;
pub(crate) use segment::MAX_RECORD;
