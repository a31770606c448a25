//! The journal's records, one per line → the table of tasks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_core::fuzzing::tasks(bytes));
