//! The host's request → a plugin's arguments and context.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plugin_api::host::fuzzing::request(bytes));
