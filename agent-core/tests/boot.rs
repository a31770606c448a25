//! The real `boot`, with small shell scripts in the agent's place.

#![expect(clippy::disallowed_methods, reason = "tests start boot and look at it from outside")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, geteuid, mkfifo};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs until told to stop, and stops at once.
const CALM: &str = "trap 'echo bye; exit 0' TERM; echo up $$; while :; do sleep 60 & wait; done";

/// One line of the flood tests: 32 bytes with its end.
const FLOOD_LINE: &str = "0123456789abcdef012345678901234";

/// A directory of one test's own: its agent script, log and pid file. Ends what still runs.
struct Case {
    dir: PathBuf,
    boots: Vec<Child>,
}

impl Case {
    fn new(agent: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("boot-test-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let case = Self { dir, boots: Vec::new() };
        case.install(agent);
        case
    }

    /// Puts a script in the agent's place, whole at once.
    fn install(&self, agent: &str) {
        let new = self.path("agent.new");
        // By a shell: a descriptor open for writing here could leak into another test's fork, and
        // exec would fail with "text file busy".
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "printf '#!/bin/bash\\n%s\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"]);
        assert!(shell.arg(&new).arg(agent).status().unwrap().success());
        fs::rename(new, self.path("agent")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// boot with this case's agent, log and pid file.
    fn boot(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boot"));
        command.arg("-L").arg(self.path("log")).arg("-P").arg(self.path("pid"));
        command.arg("--agent").arg(self.path("agent")).stdin(Stdio::null());
        command
    }

    /// Starts boot in the foreground and waits until the agent has said `up`.
    fn foreground(&mut self) -> Pid {
        let pid = self.spawn(&[]);
        self.log_until("up");
        pid
    }

    fn spawn(&mut self, arguments: &[&str]) -> Pid {
        let child = self.boot().arg("-f").args(arguments).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        self.boots.push(child);
        pid
    }

    /// Starts boot as a daemon; its launcher must succeed.
    fn daemon(&self) -> Pid {
        let output = self.boot().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        self.pid_in_file()
    }

    fn pid_in_file(&self) -> Pid {
        Pid::from_raw(fs::read_to_string(self.path("pid")).unwrap().trim().parse().unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The log, once it contains `text`.
    fn log_until(&self, text: &str) -> String {
        until(&format!("`{text}` in the log"), || Some(self.log()).filter(|log| log.contains(text)))
    }

    /// The pid that the `number`th agent wrote after `up`.
    fn agent_pid(&self, number: usize) -> Pid {
        until("the agent's pid in the log", || {
            let log = self.log();
            let line = log.split_inclusive('\n').filter(|line| line.starts_with("up ")).nth(number)?;
            line.strip_suffix('\n')?[3..].parse().ok().map(Pid::from_raw)
        })
    }

    /// Ends the one foreground boot and returns how it ended.
    fn stop(&mut self, signal: Signal) -> ExitStatus {
        let mut child = self.boots.pop().unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        until("boot's end", || child.try_wait().unwrap())
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        for mut child in self.boots.drain(..) {
            // The agent follows, by its parent-death signal.
            let _ = child.kill();
            let _ = child.wait();
        }
        // A daemon still holds its pid file; what a test planted in its place may not be one.
        if fs::symlink_metadata(self.path("pid")).is_ok_and(|file| file.is_file())
            && let Ok(file) = File::open(self.path("pid"))
            && Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
        {
            let _ = kill(self.pid_in_file(), Signal::SIGKILL);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Polls until there is something, for at most [`PATIENCE`].
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn until_gone(pid: Pid) {
    until(&format!("the end of process {pid}"), || (!alive(pid)).then_some(()));
}

/// Whether the process runs; a zombie does not.
fn alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH) && state(pid).is_some_and(|state| state != 'Z')
}

fn state(pid: Pid) -> Option<char> {
    proc_status(pid, "State").and_then(|value| value.chars().next())
}

/// One field of /proc/PID/status.
fn proc_status(pid: Pid, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn needs_root(what: &str) -> bool {
    let root = geteuid().is_root();
    if !root {
        println!("SKIPPED (needs root): {what}");
    }
    !root
}

/// The launcher's exit status and what it printed.
fn failure(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn in_the_foreground_it_runs_the_agent_and_stops_on_each_stop_signal() {
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
        assert!(after.contains(" INFO boot: stopped; agent ended (exit status: 0)\n"), "{log}");
    }
}

#[test]
fn without_a_log_the_agent_writes_to_boots_own_output() {
    let case = Case::new("echo out; echo err >&2; kill $PPID; exec sleep 60");
    let mut boot = Command::new(env!("CARGO_BIN_EXE_boot"));
    let output = boot.arg("-f").arg("--agent").arg(case.path("agent")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "dying of TERM is a clean end");
    assert_eq!(output.stdout, b"out\n");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("err\n") && stderr.contains("INFO boot: SIGTERM: stopping"), "{stderr}");
}

#[test]
fn the_agent_gets_its_arguments_but_no_descriptor_or_signal_state() {
    let run = |agent: &str, arguments: &[&str], last: &str| {
        let mut case = Case::new(CALM);
        // A descriptor left open and signals ignored, as a careless launcher would.
        let mut shell = Command::new("/bin/bash");
        shell.args(["-c", "trap '' HUP TERM CHLD; exec 7</etc/passwd; exec \"$0\" \"$@\""]);
        shell.args([env!("CARGO_BIN_EXE_boot"), "-f", "--agent", agent, "-L"]).arg(case.path("log"));
        case.boots.push(shell.arg("--").args(arguments).spawn().unwrap());
        case.log_until(last);
        assert_eq!(case.stop(Signal::SIGTERM).code(), Some(0), "TERM and CHLD are seen though ignored");
        case.log()
    };
    let log = run("/bin/ls", &["-l", "/proc/self/fd"], "agent ended (exit status: 0)");
    let targets: Vec<&str> = log.lines().filter(|line| line.contains(" -> ")).collect();
    // The fourth is the directory that ls itself reads.
    assert_eq!(targets.len(), 4, "{log}");
    for (line, target) in targets.iter().zip(["0 -> /dev/null", "1 -> pipe:", "2 -> pipe:", "3 -> /proc/"]) {
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
    for (name, target) in [("cwd", "/"), ("fd/0", "/dev/null"), ("fd/1", "/dev/null"), ("fd/2", "/dev/null")]
    {
        let link = fs::read_link(format!("/proc/{boot}/{name}")).unwrap();
        assert_eq!(link, Path::new(target), "{name}");
    }
    let stat = fs::read_to_string(format!("/proc/{boot}/stat")).unwrap();
    // proc_pid_stat(5), from the third field on: state, ppid, pgrp, session, tty_nr.
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_ne!(fields[3], boot.to_string(), "it leads no session");
    assert_eq!(fields[4], "0", "it has no terminal");
    let agent = case.agent_pid(0);
    kill(boot, Signal::SIGTERM).unwrap();
    until_gone(boot);
    assert!(!alive(agent) && !case.path("pid").exists());
}

#[test]
fn relative_paths_are_the_launchers_own() {
    let case = Case::new(CALM);
    let mut boot = Command::new(env!("CARGO_BIN_EXE_boot"));
    boot.current_dir(&case.dir).args(["-L", "log", "-P", "pid", "--agent", "./agent"]);
    assert!(boot.status().unwrap().success());
    case.log_until("up");
    assert!(alive(case.pid_in_file()));
}

#[test]
fn a_second_instance_is_refused_with_the_firsts_pid() {
    let mut case = Case::new(CALM);
    let first = case.foreground();
    let log = case.log();
    for extra in [&["-f"][..], &[]] {
        let (status, message) = failure(&case.boot().args(extra).output().unwrap());
        assert_eq!(status, 3, "{message}");
        assert!(message.contains(&format!("already running as pid {first}")), "{message}");
    }
    assert_eq!(case.log(), log, "it leaves the first one's log alone");
    assert_eq!(case.pid_in_file(), first);
}

#[test]
fn of_many_launched_at_once_one_runs() {
    let case = Case::new(CALM);
    let launchers: Vec<Child> = (0..8).map(|_| case.boot().stderr(Stdio::null()).spawn().unwrap()).collect();
    let ends = launchers.into_iter().map(|mut child| child.wait().unwrap().code().unwrap());
    let mut ends: Vec<i32> = ends.collect();
    ends.sort_unstable();
    assert_eq!(ends, [0, 3, 3, 3, 3, 3, 3, 3]);
    assert!(alive(case.pid_in_file()));
}

#[test]
fn a_stale_pid_file_is_replaced_whatever_it_says() {
    // Our own pid: a number that is alive proves nothing without the lock.
    for stale in [std::process::id().to_string(), "99999999999999999999 junk".into(), String::new()] {
        let mut case = Case::new(CALM);
        fs::write(case.path("pid"), stale).unwrap();
        let boot = case.foreground();
        assert_eq!(fs::read_to_string(case.path("pid")).unwrap(), format!("{boot}\n"));
    }
}

#[test]
fn a_pid_file_that_is_no_longer_ours_is_left() {
    let mut case = Case::new(CALM);
    case.foreground();
    fs::remove_file(case.path("pid")).unwrap();
    fs::write(case.path("pid"), "someone else's").unwrap();
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(0));
    assert_eq!(fs::read_to_string(case.path("pid")).unwrap(), "someone else's");
}

#[test]
fn a_killed_boot_takes_its_agent_along() {
    let case = Case::new(CALM);
    let boot = case.daemon();
    let agent = case.agent_pid(0);
    kill(boot, Signal::SIGKILL).unwrap();
    until_gone(agent);
    // And the next one takes over what was left behind.
    assert_ne!(case.daemon(), boot);
}

#[test]
fn a_crashing_agent_is_restarted_with_growing_waits() {
    let mut case = Case::new(
        r#"echo >>"$0.starts"; echo up $$
        case $(wc -l <"$0.starts") in 1) kill -SEGV $$;; 2) exit 3;; esac
        exec sleep 60"#,
    );
    let boot = case.foreground();
    let agent = case.agent_pid(2);
    let log = case.log();
    let lines: Vec<&str> =
        log.lines().filter_map(|line| line.split_once(" boot: ")).map(|(_, line)| line).collect();
    let ends: Vec<&&str> = lines.iter().filter(|line| line.starts_with("agent ended")).collect();
    assert!(ends[0].contains("SIGSEGV") && ends[0].ends_with("starting it again in 1 s"), "{log}");
    assert_eq!(ends[1..], [&"agent ended (exit status: 3); starting it again in 2 s"], "{log}");
    assert_eq!(lines.iter().filter(|line| line.contains(" started, pid ")).count(), 3, "{log}");
    let children = fs::read_to_string(format!("/proc/{boot}/task/{boot}/children")).unwrap();
    assert_eq!(children.trim(), agent.to_string(), "no zombie is left");
}

#[test]
fn an_agent_ended_by_a_real_time_signal_is_restarted_too() {
    let mut case = Case::new(
        r#"echo >>"$0.starts"; echo up $$; [ $(wc -l <"$0.starts") = 1 ] && kill -40 $$; exec sleep 60"#,
    );
    case.foreground();
    assert!(alive(case.agent_pid(1)));
    assert!(case.log().contains("agent ended (signal: 40"), "{}", case.log());
}

#[test]
fn an_agent_that_cannot_be_restarted_now_is_tried_again() {
    let mut case = Case::new(r#"echo up $$; mv "$0" "$0.away"; exit 1"#);
    case.foreground();
    let log = case.log_until("starting it again in 2 s");
    assert!(log.contains("cannot start ") && log.contains("No such file or directory"), "{log}");
    case.install("echo up $$; exec sleep 60");
    assert!(alive(case.agent_pid(1)));
}

#[test]
fn stopping_while_a_restart_is_due_is_immediate_and_clean() {
    let mut case = Case::new("echo up $$; exit 1");
    case.foreground();
    case.log_until("in 4 s");
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(0));
    assert!(case.log().ends_with("SIGTERM: stopped; no agent was running\n"), "{}", case.log());
}

#[test]
fn an_agent_that_ignores_term_is_killed_with_its_group_after_the_bound() {
    let mut case =
        Case::new("trap '' TERM; sleep 600 & echo child $!; echo up $$; while :; do wait; sleep 1; done");
    case.spawn(&["--stop-timeout", "1"]);
    let agent = case.agent_pid(0);
    let log = case.log();
    let helper = log.lines().find_map(|line| line.strip_prefix("child ")).unwrap().parse().unwrap();
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(4));
    assert!(!alive(agent));
    until_gone(Pid::from_raw(helper));
    let log = case.log();
    assert!(log.contains("ERROR boot: agent still runs after 1 s: killing it\n"), "{log}");
    assert!(log.contains("ERROR boot: stopped; agent ended (signal: 9 (SIGKILL))\n"), "{log}");
}

#[test]
fn an_agent_that_fails_while_stopping_shows_in_the_exit_status() {
    let mut case = Case::new("trap 'exit 7' TERM; echo up $$; while :; do sleep 60 & wait; done");
    case.foreground();
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(4));
    assert!(case.log().contains("agent ended (exit status: 7)"), "{}", case.log());
}

#[test]
fn hup_reopens_the_log_and_reaches_the_agent() {
    let mut case = Case::new("trap 'echo got HUP' HUP; echo up $$; while :; do sleep 60 & wait; done");
    let boot = case.foreground();
    fs::rename(case.path("log"), case.path("log.1")).unwrap();
    kill(boot, Signal::SIGHUP).unwrap();
    let new = case.log_until("got HUP\n");
    assert!(new.contains("INFO boot: log reopened\n"), "{new}");
    let old = fs::read_to_string(case.path("log.1")).unwrap();
    assert!(old.contains("up ") && !old.contains("got HUP"), "{old}");
}

#[test]
fn a_log_that_cannot_be_reopened_goes_on_in_the_old_file() {
    let mut case = Case::new(CALM);
    let boot = case.foreground();
    let old = case.path("log.1");
    fs::rename(case.path("log"), &old).unwrap();
    symlink("/dev/null", case.path("log")).unwrap();
    kill(boot, Signal::SIGHUP).unwrap();
    until("the error in the old log", || {
        fs::read_to_string(&old).unwrap().contains("refused: it is a symbolic link").then_some(())
    });
}

#[test]
fn user_signals_reach_the_agent() {
    let mut case = Case::new(
        "trap 'echo got one' USR1; trap 'echo got two' USR2; echo up $$; while :; do sleep 60 & wait; done",
    );
    let boot = case.foreground();
    kill(boot, Signal::SIGUSR1).unwrap();
    case.log_until("got one\n");
    kill(boot, Signal::SIGUSR2).unwrap();
    case.log_until("got two\n");
}

#[test]
fn planted_things_are_refused_as_pid_file_and_log() {
    type Plant = fn(&Path);
    let plants: [(&str, Plant, &str); 5] = [
        ("a link", |path| symlink(path.with_file_name("victim"), path).unwrap(), "symbolic link"),
        ("a dangling link", |path| symlink("/nowhere/at/all", path).unwrap(), "symbolic link"),
        ("a FIFO", |path| mkfifo(path, Mode::S_IRWXU).unwrap(), "no regular file"),
        ("a directory", |path| fs::create_dir(path).unwrap(), "directory"),
        ("a hard link", |path| fs::hard_link(path.with_file_name("victim"), path).unwrap(), "hard link"),
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
                assert!(fs::symlink_metadata(case.path(file)).is_ok(), "what was planted is left alone");
            }
        }
    }
}

#[test]
fn another_users_file_is_refused() {
    if needs_root("a file of another user") {
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

#[test]
fn an_agent_that_is_missing_is_told_at_the_start() {
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
    for arguments in [&["-L", "/nowhere/log"][..], &["--nonsense"], &["-f", "--stop-timeout", "0"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_boot")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_boot")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Exit status:\n  0  stopped"), "{help}");
}

#[test]
fn a_flood_of_output_arrives_whole_and_boot_stays_small() {
    // 100 MB, and a last line without its end.
    let mut case = Case::new(&format!(
        r#"yes {FLOOD_LINE} | head -c 100000000; printf unfinished; : >"$0.done"; exec sleep 60"#
    ));
    let boot = case.spawn(&[]);
    until("the end of the flood", || case.path("agent.done").exists().then_some(()));
    let peak = proc_status(boot, "VmHWM").unwrap();
    let kib: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 16 * 1024, "peak {peak}");
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(0));
    let log = fs::read(case.path("log")).unwrap();
    let lines = || log.split(|&byte| byte == b'\n');
    assert_eq!(lines().filter(|&line| line == FLOOD_LINE.as_bytes()).count(), 100_000_000 / 32);
    // boot's own lines never land inside one of the agent's.
    assert_eq!(lines().filter(|line| line.starts_with(b"unfinished")).count(), 1);
    assert!(log.ends_with(b"(signal: 15 (SIGTERM))\n"));
}

#[test]
fn a_line_without_end_is_cut_not_held() {
    let mut case = Case::new("head -c 1000000 /dev/zero | tr '\\0' Q; echo; echo up; exec sleep 60");
    case.foreground();
    let log = case.log();
    assert_eq!(log.bytes().filter(|&byte| byte == b'Q').count(), 1_000_000);
    assert!(log.lines().all(|line| line.len() <= 8 * 1024));
}

#[test]
fn a_full_disk_costs_lines_but_never_stops_the_agent() {
    if needs_root("a small file system for the log") {
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
        # The pipe may still be full of it: boot is done when it sleeps.
        until grep -q 'State:.S' /proc/$boot/status; do sleep 0.02; done
        cp small/log full; : >small/log; : >agent.freed
        until [ -e agent.said ]; do sleep 0.02; done
        kill $boot; wait $boot; status=$?; cp small/log after; exit $status"#;
    let mut shell = Command::new("unshare");
    shell.args(["-m", "--propagation", "private", "/bin/bash", "-c", script]).current_dir(&case.dir);
    let status = shell.env("BOOT", env!("CARGO_BIN_EXE_boot")).status().unwrap();
    assert!(status.success(), "{status}");
    let after = fs::read_to_string(case.path("after")).unwrap();
    let notice = after.lines().find(|line| line.contains(" lines were lost here: No space left"));
    let lost: usize = notice.expect(&after).split(' ').nth(3).unwrap().parse().unwrap();
    let full = fs::read(case.path("full")).unwrap();
    assert!(full.len() >= 128 * 1024);
    let whole = full.split(|&byte| byte == b'\n').filter(|&line| line == FLOOD_LINE.as_bytes()).count();
    assert_eq!(whole + lost, 4_000_000 / 32, "every line is in the log or in the count");
    assert!(after.contains("\nagain\n"), "{after}");
}

#[test]
fn while_the_agent_is_quiet_boot_is_one_thread_that_never_wakes() {
    let case = Case::new(CALM);
    let boot = case.daemon();
    case.log_until("up");
    let wakes = || proc_status(boot, "voluntary_ctxt_switches").unwrap();
    until("boot's sleep", || (state(boot) == Some('S')).then_some(()));
    let before = wakes();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(before, wakes(), "it woke with nothing to do");
    assert_eq!(proc_status(boot, "Threads").unwrap(), "1");
}

#[test]
fn as_the_first_process_of_a_container_it_reaps_orphans() {
    if needs_root("a pid namespace") {
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
