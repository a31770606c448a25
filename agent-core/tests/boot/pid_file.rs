//! The pid file: one boot at a time, and files that boot refuses.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use test_support::needs_root;

use crate::case::{CALM, Case, alive, failure};

#[test]
fn a_second_boot_is_refused_with_the_pid_of_the_first() {
    let mut case = Case::new(CALM);
    let first = case.foreground();
    let log = case.log();
    for extra in [&["-f"][..], &[]] {
        let (status, message) = failure(&case.boot().args(extra).output().unwrap());
        assert_eq!(status, 3, "{message}");
        assert!(message.contains(&format!("already running as pid {first}")), "{message}");
    }
    assert_eq!(case.log(), log, "the log of the first is unchanged");
    assert_eq!(case.pid_in_file(), first);
}

#[test]
fn only_one_of_many_simultaneous_boots_runs() {
    let case = Case::new(CALM);
    let launchers: Vec<Child> =
        (0..8).map(|_| case.boot().stderr(Stdio::null()).spawn().unwrap()).collect();
    let ends = launchers.into_iter().map(|mut child| child.wait().unwrap().code().unwrap());
    let mut ends: Vec<i32> = ends.collect();
    ends.sort_unstable();
    assert_eq!(ends, [0, 3, 3, 3, 3, 3, 3, 3]);
    assert!(alive(case.pid_in_file()));
}

#[test]
fn a_stale_pid_file_is_replaced_whatever_its_content() {
    // Our own pid: the number of a live process proves nothing without the lock.
    for stale in [std::process::id().to_string(), "99999999999999999999 junk".into(), String::new()]
    {
        let mut case = Case::new(CALM);
        fs::write(case.path("pid"), stale).unwrap();
        let boot = case.foreground();
        assert_eq!(fs::read_to_string(case.path("pid")).unwrap(), format!("{boot}\n"));
    }
}

#[test]
fn a_pid_file_that_another_program_has_replaced_is_not_removed() {
    let mut case = Case::new(CALM);
    case.foreground();
    fs::remove_file(case.path("pid")).unwrap();
    fs::write(case.path("pid"), "someone else's").unwrap();
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(0));
    assert_eq!(fs::read_to_string(case.path("pid")).unwrap(), "someone else's");
}

#[test]
fn links_and_special_files_are_refused_as_pid_file_and_log() {
    type Plant = fn(&Path);
    let plants: [(&str, Plant, &str); 5] = [
        ("a link", |path| symlink(path.with_file_name("victim"), path).unwrap(), "symbolic link"),
        ("a dangling link", |path| symlink("/nowhere/at/all", path).unwrap(), "symbolic link"),
        ("a FIFO", |path| mkfifo(path, Mode::S_IRWXU).unwrap(), "not a regular file"),
        ("a directory", |path| fs::create_dir(path).unwrap(), "directory"),
        (
            "a hard link",
            |path| fs::hard_link(path.with_file_name("victim"), path).unwrap(),
            "hard link",
        ),
    ];
    for file in ["pid", "log"] {
        for (what, plant, expected) in plants {
            for extra in [&["-f"][..], &[]] {
                let case = Case::new(CALM);
                fs::write(case.path("victim"), "precious").unwrap();
                plant(&case.path(file));
                let (status, message) = failure(&case.boot().args(extra).output().unwrap());
                assert_eq!(status, 1, "{what} as {file}: {message}");
                let named = message.contains(case.path(file).to_str().unwrap());
                assert!(named && message.contains(expected), "{what} as {file}: {message}");
                assert_eq!(fs::read_to_string(case.path("victim")).unwrap(), "precious");
                assert!(fs::symlink_metadata(case.path(file)).is_ok(), "the file is left in place");
            }
        }
    }
}

#[test]
fn another_users_file_is_refused() {
    if !needs_root("a file of another user") {
        return;
    }
    for file in ["pid", "log"] {
        let case = Case::new(CALM);
        fs::write(case.path(file), "").unwrap();
        std::os::unix::fs::chown(case.path(file), Some(65534), None).unwrap();
        let (status, message) = failure(&case.boot().arg("-f").output().unwrap());
        assert_eq!(status, 1, "{message}");
        assert!(message.contains("belongs to another user (uid 65534)"), "{message}");
    }
}
