//! A header as the rpm database keeps it → a package. SQLite reads the file around it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_packages::fuzzing::rpm(bytes));
