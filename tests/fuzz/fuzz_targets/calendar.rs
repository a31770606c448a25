//! The text of a calendar → its days.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_cron::fuzzing::calendar(bytes));
