//! A damaged journal file → its records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_core::fuzzing::journal(bytes));
