//! A plugin's description, through the C entry → `Meta` and its help.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plugin_api::host::fuzzing::describe(bytes));
