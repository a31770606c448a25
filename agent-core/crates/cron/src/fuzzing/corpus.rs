//! Runs the readers on the inputs that tests/fuzz keeps.

use test_support::check_corpus;

#[test]
fn schedules_read_back_and_go_forward() {
    check_corpus("expression", 11, super::expression);
}

#[test]
fn each_crontab_line_is_an_entry_a_problem_or_empty() {
    check_corpus("crontab", 11, super::crontab);
}

#[test]
fn calendars_exclude_the_days_that_they_name() {
    check_corpus("calendar", 11, super::calendar);
}

#[test]
fn zone_files_are_zones_or_errors() {
    check_corpus("zone", 11, super::zone);
}
