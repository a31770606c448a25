//! The slot file: one sector for each running task, where its supervisor records its end.
//!
//! All slots are written in advance, so that a full disk loses no result. To take a slot means to
//! lock its bytes through an open file of its own, which the agent passes on to the task's
//! supervisor (`F_OFD_SETLK`, fcntl(2)): the lock is held without a gap from before the
//! supervisor's start to its end, whatever else dies meanwhile. So the slot alone tells whether a
//! task can still be running.
//!
//! A slot has up to four records at fixed places: the claim, the beginning, the output so far, the
//! end. `agent_core::task` takes and reads slots; a supervisor writes them.

mod file;
mod record;

pub use file::{Claim, MAX_SLOTS, STRIDE, SlotState, Slots};
pub use record::{Begun, Leftovers, Record, Totals};
