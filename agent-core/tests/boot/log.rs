//! The log: rotation, floods and a full disk.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{needs_root, wait_some, wait_until};

use crate::case::{CALM, Case, FLOOD_LINE, failure, proc_status};

#[test]
fn hup_reopens_the_log_and_reaches_the_agent() {
    let mut case =
        Case::new("trap 'echo got HUP' HUP; echo up $$; while :; do sleep 60 & wait; done");
    let boot = case.foreground();
    fs::rename(case.path("log"), case.path("log.1")).unwrap();
    kill(boot, Signal::SIGHUP).unwrap();
    let new = case.log_until("got HUP\n");
    assert!(new.contains("INFO boot: log reopened\n"), "{new}");
    let old = fs::read_to_string(case.path("log.1")).unwrap();
    assert!(old.contains("up ") && !old.contains("got HUP"), "{old}");
}

#[test]
fn if_the_log_cannot_be_reopened_the_old_file_is_kept() {
    let mut case = Case::new(CALM);
    let boot = case.foreground();
    let old = case.path("log.1");
    fs::rename(case.path("log"), &old).unwrap();
    symlink("/dev/null", case.path("log")).unwrap();
    kill(boot, Signal::SIGHUP).unwrap();
    wait_some("the error in the old log", || {
        fs::read_to_string(&old).unwrap().contains("refused: it is a symbolic link").then_some(())
    });
}

#[test]
fn a_flood_of_output_arrives_whole_and_boot_stays_small() {
    // 100 MB, and a last line without a newline.
    let mut case = Case::new(&format!(
        r#"yes {FLOOD_LINE} | head -c 100000000; printf unfinished; : >"$0.done"; exec sleep 60"#
    ));
    let boot = case.spawn(&[]);
    wait_until("the flood has ended", || case.path("agent.done").exists());
    let peak = proc_status(boot, "VmHWM").unwrap();
    let kib: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 16 * 1024, "peak {peak}");
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(0));
    let log = fs::read(case.path("log")).unwrap();
    let lines = || log.split(|&byte| byte == b'\n');
    assert_eq!(lines().filter(|&line| line == FLOOD_LINE.as_bytes()).count(), 100_000_000 / 32);
    // boot's own lines never break one of the agent's.
    assert_eq!(lines().filter(|line| line.starts_with(b"unfinished")).count(), 1);
    assert!(log.ends_with(b"(signal: 15 (SIGTERM))\n"));
}

#[test]
fn a_long_line_without_end_is_split() {
    let mut case =
        Case::new("head -c 1000000 /dev/zero | tr '\\0' Q; echo; echo up; exec sleep 60");
    case.foreground();
    let log = case.log();
    assert_eq!(log.bytes().filter(|&byte| byte == b'Q').count(), 1_000_000);
    assert!(log.lines().all(|line| line.len() <= 8 * 1024));
}

#[test]
fn a_full_disk_costs_lines_but_never_stops_the_agent() {
    if !needs_root("a small file system for the log") {
        return;
    }
    let case = Case::new(&format!(
        r#"trap 'exit 0' TERM
        yes {FLOOD_LINE} | head -c 4000000; : >"$0.flooded"
        until [ -e "$0.freed" ]; do sleep 0.02; done; echo again; : >"$0.said"
        while :; do sleep 60 & wait; done"#
    ));
    fs::create_dir(case.path("small")).unwrap();
    let script = r#"mount -t tmpfs -o size=256k none small || exit 90
        "$BOOT" -f -L small/log -P pid --agent ./agent & boot=$!
        until [ -e agent.flooded ]; do sleep 0.02; done
        # The pipe may still hold lines: boot has logged them all when it sleeps.
        until grep -q 'State:.S' /proc/$boot/status; do sleep 0.02; done
        cp small/log full; : >small/log; : >agent.freed
        until [ -e agent.said ]; do sleep 0.02; done
        kill $boot; wait $boot; status=$?; cp small/log after; exit $status"#;
    let mut shell = Command::new("unshare");
    shell
        .args(["-m", "--propagation", "private", "/bin/bash", "-c", script])
        .current_dir(case.dir());
    let status = shell.env("BOOT", env!("CARGO_BIN_EXE_boot")).status().unwrap();
    assert!(status.success(), "{status}");
    let after = fs::read_to_string(case.path("after")).unwrap();
    let notice = after.lines().find(|line| line.contains(" lines were lost here: No space left"));
    let lost: usize = notice.expect(&after).split(' ').nth(3).unwrap().parse().unwrap();
    let full = fs::read(case.path("full")).unwrap();
    assert!(full.len() >= 128 * 1024);
    let whole =
        full.split(|&byte| byte == b'\n').filter(|&line| line == FLOOD_LINE.as_bytes()).count();
    assert_eq!(whole + lost, 4_000_000 / 32, "every line is in the log or in the count");
    assert!(after.contains("\nagain\n"), "{after}");
}

#[test]
fn standard_error_that_nobody_reads_does_not_stop_boot_or_its_agent() {
    let case = Case::new(r#"trap 'exit 0' TERM; : >"$0.up"; while :; do sleep 60 & wait; done"#);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let blocking = fcntl(&writer, FcntlArg::F_GETFL).unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::from_bits_retain(blocking))).unwrap();
    let mut boot = Command::new(env!("CARGO_BIN_EXE_boot"));
    boot.arg("-f").arg("--agent").arg(case.path("agent")).stderr(writer.try_clone().unwrap());
    let mut boot = boot.spawn().unwrap();
    wait_until("the agent runs", || case.path("agent.up").exists());
    kill(Pid::from_raw(boot.id().cast_signed()), Signal::SIGTERM).unwrap();
    let status = wait_some("boot has exited", || boot.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    drop(reader);
}

#[test]
fn in_the_foreground_the_log_may_be_standard_output() {
    let case = Case::new("echo from the agent; kill $PPID; exec sleep 60");
    let mut boot = Command::new(env!("CARGO_BIN_EXE_boot"));
    boot.args(["-f", "-L", "/dev/stdout", "--agent"]).arg(case.path("agent"));
    let output = boot.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("from the agent\n") && text.contains("INFO boot: stopped"), "{text}");

    let mut daemon = Command::new(env!("CARGO_BIN_EXE_boot"));
    daemon.args(["-L", "/dev/stdout", "-P"]).arg(case.path("pid"));
    let (status, message) = failure(&daemon.output().unwrap());
    assert_eq!(status, 1, "{message}");
    assert!(message.contains("use -f or a file"), "{message}");
}
