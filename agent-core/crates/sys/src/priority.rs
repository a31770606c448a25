//! Coming first on the processor: while a tree is ended, and at the moment at which a task is due.
//!
//! A tree that forks without end fills the run queue: its ender, one process among thousands, would
//! get a turn every few seconds (the more so with a session of its own for each, sched(7), "The
//! autogroup feature"), and the tree grows meanwhile. So it is with a hundred tasks that are due together: the last would
//! be started when the first are through.

#![expect(unsafe_code, reason = "sched_setscheduler(2) and its sisters have no safe wrapper")]

use std::ffi::c_int;

/// Puts this process before all ordinary ones. What it may take of the processor is bounded by the
/// kernel (sched(7), "Limiting the CPU usage of real-time and deadline processes"). Does nothing for
/// an agent that is not root.
pub(crate) fn come_first() {
    set(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, 1);
}

/// The same, unless the host's operator has chosen a policy or a niceness for the agent: a child would not inherit
/// them from one that comes first (sched(7), "Resetting scheduling policy for child processes"). True when it is so.
pub(crate) fn come_first_if_ordinary() -> bool {
    // SAFETY: sched_getscheduler(2) takes a number, of which 0 is the calling thread, and changes nothing.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    // SAFETY: so does getpriority(2).
    let niceness = unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) };
    // The kernel gives 20 less the niceness (getpriority(2), "C library/kernel differences").
    let is_ordinary = policy == libc::SCHED_OTHER.into() && niceness == 20;
    if is_ordinary {
        come_first();
    }
    is_ordinary
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
