//! Runs the real `boot`, with small shell scripts as its agent.

#![expect(clippy::disallowed_methods, reason = "tests start boot and look at it from outside")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod case;
mod log;
mod pid_file;
mod restarts;
mod running;
mod stopping;
