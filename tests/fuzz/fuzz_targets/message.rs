//! The text of a message → each type it could be. The rules are in agent-core/crates/wire/tests/checks.
#![no_main]

#[path = "../../../agent-core/crates/wire/tests/checks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "one target runs one check")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::message(bytes));
