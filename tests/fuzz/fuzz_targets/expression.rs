//! An instant and the text of a schedule → its times.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_cron::fuzzing::expression(bytes));
