//! A header as the rpm database keeps it → a package. SQLite reads the file around it.
#![no_main]

#[path = "../../../plugins/packages/src/header.rs"]
mod header;
#[path = "../../../plugins/packages/src/package.rs"]
mod package;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(package) = header::parse(bytes) {
        assert!(package.name.len() <= 4 * bytes.len());
    }
});
