//! A peer's bytes, in any pieces → the texts of messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_wire::fuzzing::frame(bytes));
