//! The bytes of a crontab → its entries.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_cron::fuzzing::crontab(bytes));
