//! The text of a message → each type it could be.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_wire::fuzzing::message(bytes));
