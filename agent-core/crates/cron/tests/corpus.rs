//! Runs the readers on the inputs that fuzzing has found: tests/fuzz/seeds and tests/fuzz/corpus.

mod checks;

use test_support::check_corpus;

#[test]
fn schedules_read_back_and_go_forward() {
    check_corpus("expression", checks::expression);
}

#[test]
fn crontabs_are_taken_or_told_line_by_line() {
    check_corpus("crontab", checks::crontab);
}

#[test]
fn calendars_exclude_what_they_name() {
    check_corpus("calendar", checks::calendar);
}

#[test]
fn zone_files_are_zones_or_errors() {
    check_corpus("zone", checks::zone);
}
