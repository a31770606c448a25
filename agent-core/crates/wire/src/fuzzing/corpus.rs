//! Runs the decoders on the inputs that tests/fuzz keeps.

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

/// Runs every kept input of a fuzz target and names the input that fails.
fn repeat(target: &str, check: impl Fn(&[u8]) + RefUnwindSafe) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fuzz");
    let mut inputs = 0;
    for kind in ["seeds", "corpus"] {
        let folder = fuzz.join(kind).join(target);
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            let bytes = fs::read(&path).expect("a kept input can be read");
            assert!(catch_unwind(|| check(&bytes)).is_ok(), "{} fails", path.display());
            inputs += 1;
        }
    }
    assert!(inputs > 10, "{inputs} inputs are too few");
}

#[test]
fn streams_decode_alike_however_they_are_cut() {
    repeat("frame", super::frame);
}

#[test]
fn messages_read_back_as_they_were_written() {
    repeat("message", super::message);
}

#[test]
fn addresses_read_back_as_they_were_printed() {
    repeat("address", super::address);
}
