//! Runs the readers on the inputs that tests/fuzz keeps.

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
fn schedules_read_back_and_go_forward() {
    repeat("expression", super::expression);
}

#[test]
fn each_crontab_line_is_an_entry_a_problem_or_empty() {
    repeat("crontab", super::crontab);
}

#[test]
fn calendars_exclude_the_days_that_they_name() {
    repeat("calendar", super::calendar);
}

#[test]
fn zone_files_are_zones_or_errors() {
    repeat("zone", super::zone);
}
