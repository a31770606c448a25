//! A selector's text → terms.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fleet::fuzzing::selector(bytes));
