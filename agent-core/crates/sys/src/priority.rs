//! Real-time priority for two short moments: while a tree is ended, and when a task is due.
//!
//! A tree that forks without end fills the run queue: a keeper or supervisor, one process among
//! thousands, would get a turn every few seconds (even more so when each has its own session,
//! sched(7), "The autogroup feature"), and the tree grows meanwhile. Likewise, when a hundred tasks
//! are due together, the last ones would start only after the first ones ended.

#![expect(unsafe_code, reason = "sched_setscheduler(2) and its sisters have no safe wrapper")]

use std::ffi::c_int;

/// Puts this process before all ordinary ones. The kernel bounds its share of the processor
/// (sched(7), "Limiting the CPU usage of real-time and deadline processes"). Does nothing without
/// root.
pub(crate) fn come_first() {
    set(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, 1);
}

/// Calls [`come_first`], unless the operator chose a policy or a niceness for the agent: a child
/// would not inherit them from a real-time process (sched(7), "Resetting scheduling policy for
/// child processes"). Returns whether it did.
pub(crate) fn come_first_if_ordinary() -> bool {
    // SAFETY: sched_getscheduler(2) takes a number, of which 0 is the calling thread, and changes
    // nothing.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    // SAFETY: so does getpriority(2).
    let niceness = unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) };
    // The kernel gives 20 less the niceness (getpriority(2), "C library/kernel differences").
    let is_ordinary = policy == libc::c_long::from(libc::SCHED_OTHER) && niceness == 20;
    if is_ordinary {
        come_first();
    }
    is_ordinary
}

/// Makes this process an ordinary one again.
pub(crate) fn step_back() {
    set(libc::SCHED_OTHER, 0);
}

fn set(policy: c_int, sched_priority: c_int) {
    let parameters = libc::sched_param { sched_priority };
    // Not by libc's function, which not every libc has.
    // SAFETY: sched_setscheduler(2) reads one sched_param, which `parameters` is and which lives
    // over the call; 0 is this process, the rest are numbers. It changes no memory of ours.
    let _ =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const parameters) };
}
