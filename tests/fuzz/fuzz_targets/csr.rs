//! A certificate request, a key or a certificate of a host that is not known yet → its public key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| controller::fuzzing::csr(bytes));
