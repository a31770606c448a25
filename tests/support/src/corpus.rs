//! The stored inputs of the fuzz targets, for tests that run without a fuzzer.

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

/// Runs a check on every stored input of a fuzz target: tests/fuzz/seeds and tests/fuzz/corpus.
///
/// # Panics
/// When the check panics on an input, which the message names, or when there are fewer than `least`
/// inputs: a folder that moved must not pass for a clean run.
pub fn check_corpus(target: &str, least: usize, check: impl Fn(&[u8]) + RefUnwindSafe) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut inputs = 0;
    for kind in ["seeds", "corpus"] {
        let folder = fuzz.join(kind).join(target);
        let entries = fs::read_dir(&folder);
        for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            let bytes = fs::read(&path).expect("a stored input can be read");
            assert!(catch_unwind(|| check(&bytes)).is_ok(), "{} fails", path.display());
            inputs += 1;
        }
    }
    assert!(inputs >= least, "only {inputs} inputs for {target}, expected {least}");
}
