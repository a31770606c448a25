//! The stream between the daemon and a plugin worker, read by either end.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_core::fuzzing::worker(bytes));
