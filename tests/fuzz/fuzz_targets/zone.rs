//! The bytes of a zone file → its offsets.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_cron::fuzzing::zone(bytes));
