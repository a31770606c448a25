//! A log of records that survives `kill -9` and a power cut at any instruction.
//!
//! Why a log of our own and not a database: what it has to do is append, sync, and be read whole at the start, and a
//! database would have been a quarter of the agent's size (redb +1.4 MB, SQLite +2.4 MB). With its
//! space taken beforehand, one commit is one write and one fdatasync(2): as much as durability costs at all.
//!
//! [`segment`] is the file's form and how it is read back, [`log`] the one who writes it, [`disk`] the few file
//! operations that takes, [`committer`] gathers what many ask for into one sync. None knows what the records mean.

mod committer;
mod disk;
mod log;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use committer::{Committer, Need, Owner, Refused};
pub(crate) use disk::Directory;
