//! A plugin's reply, through the C entry → a JSON value or the plugin's error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plugin_api::host::fuzzing::reply(bytes));
