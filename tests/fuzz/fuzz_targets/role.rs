//! A role as JSON, up to a NUL, and a command → a verdict.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fleet::fuzzing::role(bytes));
