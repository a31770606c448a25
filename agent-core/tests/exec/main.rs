//! Commands as real processes; every test runs with cgroups and with keepers.

#![expect(clippy::disallowed_methods, reason = "the tests look at processes from outside")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]
#![expect(clippy::print_stdout, reason = "skipped tests say so, and roles report to their test")]

mod bounds;
mod deaths;
mod escapes;
mod identity;
mod limits;
mod outcome;
mod roles;
mod stream;
mod support;
mod trees;
