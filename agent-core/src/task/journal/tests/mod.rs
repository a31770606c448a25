//! Every failure and every power cut, on a disk in memory; kills and measurements on a real one.

mod committer;
mod disk;
mod log;
mod memory;
