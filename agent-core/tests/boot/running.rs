//! Running the agent: in the foreground, as a daemon, with its arguments and output.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use test_support::{needs_root, wait_until};

use crate::case::{CALM, Case, alive, failure, proc_status, state, until_gone};

#[test]
fn in_the_foreground_boot_runs_the_agent_and_each_stop_signal_stops_it() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut case = Case::new(CALM);
        let boot = case.foreground();
        assert_eq!(case.pid_in_file(), boot);
        let mode = |name| fs::metadata(case.path(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("pid"), mode("log")), (0o644, 0o640));
        let agent = case.agent_pid(0);
        assert_eq!(case.stop(signal).code(), Some(0));
        assert!(!alive(agent));
        assert!(!case.path("pid").exists(), "the pid file is removed");
        let log = case.log();
        let (before, after) = log.split_once("bye\n").unwrap();
        assert!(before.contains(&format!(" INFO boot: {signal}: stopping the agent")), "{log}");
        assert!(after.contains(" INFO boot: stopped; agent exited (exit status: 0)\n"), "{log}");
    }
}

#[test]
fn without_a_log_the_agent_writes_to_boots_own_output() {
    let case = Case::new("echo out; echo err >&2; kill $PPID; exec sleep 60");
    let mut boot = Command::new(env!("CARGO_BIN_EXE_boot"));
    let output = boot.arg("-f").arg("--agent").arg(case.path("agent")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "dying from TERM is a clean stop");
    assert_eq!(output.stdout, b"out\n");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("err\n") && stderr.contains("INFO boot: SIGTERM: stopping"),
        "{stderr}"
    );
}

#[test]
fn the_agent_gets_its_arguments_but_no_descriptor_or_signal_state() {
    let run = |agent: &str, arguments: &[&str], last: &str| {
        let mut case = Case::new(CALM);
        // With an open descriptor and ignored signals, as a careless launcher leaves them.
        let mut shell = Command::new("/bin/bash");
        shell.args(["-c", "trap '' HUP TERM CHLD; exec 7</etc/passwd; exec \"$0\" \"$@\""]);
        shell
            .args([env!("CARGO_BIN_EXE_boot"), "-f", "--agent", agent, "-L"])
            .arg(case.path("log"));
        case.boots.push(shell.arg("--").args(arguments).spawn().unwrap());
        case.log_until(last);
        assert_eq!(
            case.stop(Signal::SIGTERM).code(),
            Some(0),
            "TERM and CHLD work although they were ignored"
        );
        case.log()
    };
    let log = run("/bin/ls", &["-l", "/proc/self/fd"], "agent exited (exit status: 0)");
    // It may have been started again meanwhile.
    let (once, _) = log.split_once("agent exited").unwrap();
    let targets: Vec<&str> = once.lines().filter(|line| line.contains(" -> ")).collect();
    // The fourth is the directory that ls itself reads.
    assert_eq!(targets.len(), 4, "{log}");
    for (line, target) in
        targets.iter().zip(["0 -> /dev/null", "1 -> pipe:", "2 -> pipe:", "3 -> /proc/"])
    {
        assert!(line.contains(target), "{log}");
    }
    let log = run("/bin/grep", &["-E", "^Sig(Blk|Ign):", "/proc/self/status"], "SigIgn");
    // 32 and 33 belong to libc.
    let ours = !(0b11_u64 << 31);
    for set in ["SigBlk:\t", "SigIgn:\t"] {
        let value = log.lines().find_map(|line| line.strip_prefix(set)).unwrap();
        assert_eq!(u64::from_str_radix(value, 16).unwrap() & ours, 0, "{set}{value}");
    }
}

#[test]
fn a_daemon_outlives_its_launcher_away_from_the_terminal() {
    let case = Case::new(CALM);
    let boot = case.daemon();
    for (name, target) in
        [("cwd", "/"), ("fd/0", "/dev/null"), ("fd/1", "/dev/null"), ("fd/2", "/dev/null")]
    {
        let link = fs::read_link(format!("/proc/{boot}/{name}")).unwrap();
        assert_eq!(link, Path::new(target), "{name}");
    }
    let stat = fs::read_to_string(format!("/proc/{boot}/stat")).unwrap();
    // proc_pid_stat(5), from the third field on: state, ppid, pgrp, session, tty_nr.
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_ne!(fields[3], boot.to_string(), "it must not lead a session");
    assert_eq!(fields[4], "0", "it must have no terminal");
    let agent = case.agent_pid(0);
    kill(boot, Signal::SIGTERM).unwrap();
    until_gone(boot);
    assert!(!alive(agent) && !case.path("pid").exists());
}

#[test]
fn relative_paths_start_at_the_launchers_directory() {
    let case = Case::new(CALM);
    let mut boot = Command::new(env!("CARGO_BIN_EXE_boot"));
    boot.current_dir(case.dir()).args(["-L", "log", "-P", "pid", "--agent", "./agent"]);
    assert!(boot.status().unwrap().success());
    case.log_until("up");
    assert!(alive(case.pid_in_file()));
}

#[test]
fn a_missing_agent_is_reported_at_the_start() {
    for extra in [&["-f"][..], &[]] {
        let case = Case::new(CALM);
        fs::remove_file(case.path("agent")).unwrap();
        let (status, message) = failure(&case.boot().args(extra).output().unwrap());
        assert_eq!(status, 1, "{message}");
        let expected = format!("boot: cannot start {}: No such file", case.path("agent").display());
        assert!(message.starts_with(&expected), "{message}");
        assert!(!case.path("pid").exists());
    }
}

#[test]
fn wrong_usage_is_status_2() {
    for arguments in [&["-L", "/nowhere/log"][..], &["--nonsense"], &["-f", "--stop-timeout", "0"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_boot")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_boot")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Exit status:\n  0  stopped"), "{help}");
}

#[test]
fn while_the_agent_is_quiet_boot_is_one_thread_that_never_wakes() {
    let case = Case::new(CALM);
    let boot = case.daemon();
    case.log_until("up");
    let wakes = || proc_status(boot, "voluntary_ctxt_switches").unwrap();
    wait_until("boot sleeps", || state(boot) == Some('S'));
    let before = wakes();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(before, wakes(), "boot woke without work");
    // The log's own ends a second after the last line.
    wait_until("one thread is left", || proc_status(boot, "Threads").as_deref() == Some("1"));
}

#[test]
fn as_the_first_process_of_a_container_boot_reaps_orphans() {
    if !needs_root("a pid namespace") {
        return;
    }
    let case = Case::new(
        r#"(sleep 0.2 & echo $! >"$0.orphan"); orphan=$(cat "$0.orphan")
        while [ -e /proc/$orphan ]; do sleep 0.02; done; echo reaped; kill 1; exec sleep 60"#,
    );
    let mut unshare = Command::new("unshare");
    let boot = case.boot();
    unshare.args(["--pid", "--fork", "--mount-proc"]).arg(boot.get_program()).args(boot.get_args());
    assert_eq!(unshare.arg("-f").status().unwrap().code(), Some(0));
    assert!(case.log().contains("reaped\n"), "{}", case.log());
}
