//! Every failure and every cut, on a disk in memory; kills and times on a real one.

mod committer;
mod disk;
mod log;
mod memory;
