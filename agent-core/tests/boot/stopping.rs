//! Stopping the agent, and signals that boot forwards.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::{Case, alive, until_gone};

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
    let mut case = Case::new(
        "trap '' TERM; sleep 600 & echo child $!; echo up $$; while :; do wait; sleep 1; done",
    );
    case.spawn(&["--stop-timeout", "1"]);
    let agent = case.agent_pid(0);
    let log = case.log();
    let helper = log.lines().find_map(|line| line.strip_prefix("child ")).unwrap().parse().unwrap();
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(4));
    assert!(!alive(agent));
    until_gone(Pid::from_raw(helper));
    let log = case.log();
    assert!(log.contains("ERROR boot: agent still running after 1 s; killing it\n"), "{log}");
    assert!(log.contains("ERROR boot: stopped; agent exited (signal: 9 (SIGKILL))\n"), "{log}");
}

#[test]
fn an_agent_that_fails_while_stopping_shows_in_the_exit_status() {
    let mut case = Case::new("trap 'exit 7' TERM; echo up $$; while :; do sleep 60 & wait; done");
    case.foreground();
    assert_eq!(case.stop(Signal::SIGTERM).code(), Some(4));
    assert!(case.log().contains("agent exited (exit status: 7)"), "{}", case.log());
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
