//! A file of certificates, PEM, DER or PKCS #7 → the answer's fields, bounded by the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_certificates::fuzzing::certificate(bytes));
