//! The text of a redirect or a setting → addresses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_wire::fuzzing::address(bytes));
