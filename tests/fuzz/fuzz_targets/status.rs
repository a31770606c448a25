//! The text databases of dpkg and apk → packages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_packages::fuzzing::status(bytes));
