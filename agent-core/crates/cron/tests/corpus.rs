//! What fuzzing has found so far, through the readers again: the kept inputs of tests/fuzz.

mod checks;

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

/// Runs every kept input of a fuzz target and tells which one failed.
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
    assert!(inputs > 10, "{inputs} inputs are no corpus");
}

#[test]
fn schedules_read_back_and_go_forward() {
    repeat("expression", checks::expression);
}

#[test]
fn crontabs_are_taken_or_told_line_by_line() {
    repeat("crontab", checks::crontab);
}

#[test]
fn calendars_exclude_what_they_name() {
    repeat("calendar", checks::calendar);
}

#[test]
fn zone_files_are_zones_or_errors() {
    repeat("zone", checks::zone);
}
