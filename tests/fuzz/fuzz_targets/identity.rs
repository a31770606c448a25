//! A certificate, a key, a record of a host that joined.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_core::fuzzing::identity(bytes));
