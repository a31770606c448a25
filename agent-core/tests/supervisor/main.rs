//! Tasks and their supervisors as real processes; every test runs with and without cgroups.

#![expect(clippy::disallowed_methods, reason = "the tests look at processes from outside")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]
#![expect(clippy::print_stdout, reason = "skipped tests say so, and roles report to their test")]

mod deaths;
mod figures;
mod host;
mod leaves;
mod outcome;
mod output;
mod roles;
#[path = "../exec/support.rs"]
#[allow(dead_code, reason = "the commands' tests use all of it")]
mod support;
mod trees;
