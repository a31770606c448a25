//! Restarting an agent that exits.

use std::fs;

use nix::sys::signal::{Signal, kill};

use crate::case::{CALM, Case, alive, until_gone};

#[test]
fn the_agent_dies_with_a_killed_boot() {
    let case = Case::new(CALM);
    let boot = case.daemon();
    let agent = case.agent_pid(0);
    kill(boot, Signal::SIGKILL).unwrap();
    until_gone(agent);
    // The next boot takes over the stale pid file.
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
    let ends: Vec<&&str> = lines.iter().filter(|line| line.starts_with("agent exited")).collect();
    assert!(ends[0].contains("SIGSEGV") && ends[0].ends_with("restarting it in 1 s"), "{log}");
    assert_eq!(ends[1..], [&"agent exited (exit status: 3); restarting it in 2 s"], "{log}");
    assert_eq!(lines.iter().filter(|line| line.contains(" started, pid ")).count(), 3, "{log}");
    let children = fs::read_to_string(format!("/proc/{boot}/task/{boot}/children")).unwrap();
    assert_eq!(children.trim(), agent.to_string(), "no zombie is left");
}

#[test]
fn an_agent_killed_by_a_real_time_signal_is_restarted_too() {
    let mut case = Case::new(
        r#"echo >>"$0.starts"; echo up $$; [ $(wc -l <"$0.starts") = 1 ] && kill -40 $$; exec sleep 60"#,
    );
    case.foreground();
    assert!(alive(case.agent_pid(1)));
    assert!(case.log().contains("agent exited (signal: 40"), "{}", case.log());
}

#[test]
fn an_agent_that_is_no_program_is_reported_and_never_run_by_a_shell() {
    let agents: [(&str, &[u8]); 3] = [
        ("text", b"echo ran > \"$0.ran\"\n"),
        ("an ELF file cut in its header", b"\x7fELF\x02\x01\x01\0echo ran > \"$0.ran\"\n"),
        ("an empty file", b""),
    ];
    for (what, bytes) in agents {
        let case = Case::new(CALM);
        case.install_bytes(bytes);
        let output = case.boot().arg("-f").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap() + &case.log();
        assert!(said.contains("Exec format error") && said.contains("install it again"), "{said}");
        assert!(!case.path("agent.ran").exists(), "{what}");
    }
}

#[test]
fn an_agent_that_is_damaged_while_boot_runs_is_started_once_it_is_whole_again() {
    let mut case = Case::new(
        r#"echo up $$; printf 'touch "$0.ran"' > "$0.new"; chmod 755 "$0.new"; mv "$0.new" "$0"; exit 1"#,
    );
    case.foreground();
    case.log_until("Exec format error");
    assert!(!case.path("agent.ran").exists());
    case.install("echo up $$; exec sleep 60");
    assert!(alive(case.agent_pid(1)));
}

#[test]
fn an_agent_whose_loader_is_missing_is_named_as_such() {
    let case = Case::new(CALM);
    case.install_bytes(b"#!/no/such/loader\n");
    let output = case.boot().arg("-f").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap() + &case.log();
    assert!(said.contains("program loader"), "{said}");
}

#[test]
fn a_failed_restart_is_retried() {
    let mut case = Case::new(r#"echo up $$; mv "$0" "$0.away"; exit 1"#);
    case.foreground();
    let log = case.log_until("restarting it in 2 s");
    assert!(log.contains("cannot start ") && log.contains("No such file or directory"), "{log}");
    case.install("echo up $$; exec sleep 60");
    assert!(alive(case.agent_pid(1)));
}
