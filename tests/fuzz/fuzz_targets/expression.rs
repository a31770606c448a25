//! The text of a schedule → its times. The rules are in agent-core/crates/cron/tests/checks.
#![no_main]

#[path = "../../../agent-core/crates/cron/tests/checks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "one target runs one check")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::expression(bytes));
