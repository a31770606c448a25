//! Checks of bytes that come from a disk, a host's owner or a worker: a function for each fuzz
//! target (tests/fuzz) of the same name, which panics where a rule does not hold.

pub use crate::plugin::fuzzing::worker;
pub use crate::policy::fuzzing::policy;
pub use crate::task::fuzzing::{journal, tasks};
