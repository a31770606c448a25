//! The slot file: one sector for each running task, in which its supervisor leaves how it ended.
//!
//! Laid out in full beforehand, so that a full disk keeps no result from being recorded. A slot is
//! taken by a lock on its bytes, through an open file of its own that the agent hands on to the
//! task's supervisor (`F_OFD_SETLK`, fcntl(2)): the lock is held without a gap from before the
//! supervisor's start to its end, whoever else dies meanwhile. So whether a task can still be
//! running is known from the slot alone.
//!
//! A slot holds up to four records at fixed places: the claim, the beginning, the output counted so
//! far, the end. `agent_core::task` takes slots and looks at them; a supervisor writes them.

mod file;
mod record;

pub use file::{Claim, Look, MAX_SLOTS, STRIDE, Slots};
pub use record::{Begun, Record, Rest, Totals};
