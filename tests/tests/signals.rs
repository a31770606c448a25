//! Signals to the real agent and its launcher, also at the worst moment.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binaries")]

use e2e::{Agent, AgentConfig, Local, Pki, Scratch, binary, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};

/// Returns whether the process blocks or handles SIGHUP (proc_pid_status(5)).
fn is_safe_from_hangups(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    ["SigBlk:\t", "SigCgt:\t"].iter().any(|set| {
        let value = status.lines().find_map(|line| line.strip_prefix(set));
        value.is_some_and(|value| u64::from_str_radix(value, 16).unwrap_or(0) & 1 == 1)
    })
}

fn hang_up(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGHUP).expect("it still runs");
}

#[tokio::test]
async fn hangups_throughout_the_start_do_not_end_the_agent() {
    let mut agent = Agent::start(&Pki::new(), AgentConfig::new("127.0.0.1:1".parse().unwrap()));
    let pid = agent.pid();
    eventually("main has begun", || is_safe_from_hangups(pid)).await;
    eventually("the start is done", || {
        hang_up(pid);
        Local::path(&agent).exists()
    })
    .await;
    agent.logged("configuration reloaded").await;
    assert!(agent.ended().is_none());
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().await.code(), Some(0));
}

#[tokio::test]
async fn hangups_throughout_the_start_do_not_end_boot() {
    let scratch = Scratch::new("signals");
    let up = scratch.file("up");
    let mut boot = Command::new(binary("boot"))
        .args(["-f", "--agent", "/bin/sh", "--", "-c"])
        .arg(format!("trap '' HUP; : >'{}'; exec sleep 60", up.display()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("main has begun", || is_safe_from_hangups(boot.id())).await;
    let children = format!("/proc/{0}/task/{0}/children", boot.id());
    eventually("its start is done: it has started the agent", || {
        hang_up(boot.id());
        up.exists() || std::fs::read_to_string(&children).is_ok_and(|pids| !pids.is_empty())
    })
    .await;
    // Not for longer: boot passes them on, and each ends an agent that does not ignore them yet.
    eventually("the agent has started again or for the first time", || up.exists()).await;
    assert!(boot.try_wait().unwrap().is_none());
    kill(Pid::from_raw(boot.id().cast_signed()), Signal::SIGTERM).unwrap();
    eventually("boot exits", || boot.try_wait().unwrap().is_some()).await;
}
