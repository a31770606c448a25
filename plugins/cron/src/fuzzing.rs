//! The checks that the fuzz targets in tests/fuzz run.

use crate::crontab::{self, Line};
use crate::debian;
use crate::timer::Timer;

/// Reads crontabs of every kind. A job that Debian's cron accepts means the same when it is written
/// again.
///
/// # Panics
/// The check fails.
pub fn cron_files(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.split('\n') {
        for names_users in [false, true] {
            let _ = crontab::parse(line, names_users);
            let parsed = debian::parse(line, names_users);
            let Line::Job { schedule, user, command } = &parsed else { continue };
            assert!(schedule.len() + command.len() <= line.len(), "{line:?}");
            let user = user.map(|user| user.to_owned() + " ").unwrap_or_default();
            let again = format!("{schedule} {user}{command}");
            assert_eq!(debian::parse(&again, names_users), parsed, "{line:?} as {again:?}");
        }
        let _ = crontab::parse_anacron(line);
    }
}

/// Reads a timer of two files.
///
/// # Panics
/// The check fails.
pub fn timer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, second) = text.split_once('\0').unwrap_or((&text, ""));
    let mut timer = Timer::new("a-b@x-\\x2dy.timer");
    timer.read(first);
    timer.read(second);
    assert!(timer.times.len() <= text.lines().count());
    assert!(timer.times.iter().all(|(line, _)| *line <= timer.lines));
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("cron_files", 3, super::cron_files);
        check_corpus("unit", 3, super::timer);
    }
}
