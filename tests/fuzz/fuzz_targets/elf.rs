//! A plugin's file → its entry, from its ELF headers alone.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plugin_api::host::fuzzing::elf(bytes));
