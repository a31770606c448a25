//! What an idle session costs the controller.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test; its figure is worth seeing")]

mod support;

use support::{Controller, until};

const SESSIONS: usize = 400;

/// KiB a session, in a debug build; a release build needs less.
const BOUND: usize = 16;

#[test]
fn an_idle_session_costs_little_memory() {
    let names: Vec<String> = (0..SESSIONS).map(|number| format!("idle-{number}")).collect();
    let flags: Vec<&str> = names.iter().flat_map(|name| ["--dev-host", name.as_str()]).collect();
    let controller = Controller::start(&flags);
    let count = || controller.get("/hosts").1["hosts"].as_array().unwrap().len();
    // What is allocated once, or with the first sessions, is not counted.
    let mut agents: Vec<_> = names[..SESSIONS / 4].iter().map(|name| controller.agent(name)).collect();
    until("the first sessions", || (count() == agents.len()).then_some(()));
    let before = resident(controller.child.id());
    agents.extend(names[SESSIONS / 4..].iter().map(|name| controller.agent(name)));
    until("all sessions", || (count() == SESSIONS).then_some(()));
    let each = (resident(controller.child.id()) - before) * 10 / (SESSIONS - SESSIONS / 4);
    println!("an idle session costs {}.{} KiB", each / 10, each % 10);
    assert!(each / 10 <= BOUND, "{each} tenths of a KiB a session");
}

/// VmRSS in KiB.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
