//! The first bytes of a connection from a load balancer → the address that it names.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| controller::fuzzing::proxy(bytes));
