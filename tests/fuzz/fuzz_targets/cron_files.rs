//! Crontabs and anacrontabs, by the rules of each cron → their jobs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_cron::fuzzing::cron_files(bytes));
