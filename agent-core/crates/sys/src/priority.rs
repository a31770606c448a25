//! Coming first on the processor while a tree is ended.
//!
//! A tree that forks without end fills the run queue: its ender, one process among thousands, would
//! get a turn every few seconds (the more so with a session of its own for each, sched(7), "The
//! autogroup feature"), and the tree grows meanwhile.

#![expect(unsafe_code, reason = "sched_setscheduler(2) has no safe wrapper")]

use std::ffi::c_int;

/// Puts this process before all ordinary ones. What it may take of the processor is bounded by the
/// kernel (sched(7), "Limiting the CPU usage of real-time and deadline processes"). Does nothing for
/// an agent that is not root.
pub(crate) fn come_first() {
    set(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, 1);
}

/// One among others again.
pub(crate) fn step_back() {
    set(libc::SCHED_OTHER, 0);
}

fn set(policy: c_int, sched_priority: c_int) {
    let parameters = libc::sched_param { sched_priority };
    // Not by libc's function, which not every libc has.
    // SAFETY: sched_setscheduler(2) reads one sched_param, which `parameters` is and which lives
    // over the call; 0 is this process, the rest are numbers. It changes no memory of ours.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const parameters) };
}
