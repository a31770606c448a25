//! A file of utmp's records, of either layout → logins.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_sessions::fuzzing::utmp(bytes));
