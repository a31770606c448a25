//! A policy file, up to a NUL, and a command → a verdict.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent_core::fuzzing::policy(bytes));
