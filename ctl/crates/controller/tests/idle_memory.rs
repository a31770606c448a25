//! The memory that an idle session costs the controller.

#![expect(clippy::print_stdout, reason = "a test that reports its figure")]

mod support;

use support::Controller;
use test_support::wait_until;

const SESSIONS: usize = 400;

/// KiB per session, in a debug build; a release build needs less.
const BOUND: usize = 16;

#[test]
fn an_idle_session_costs_little_memory() {
    let names: Vec<String> = (0..SESSIONS).map(|number| format!("idle-{number}")).collect();
    let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
    let controller = Controller::start_with_hosts(&hosts);
    let connected = "/hosts?connected=true&limit=1000";
    let count = || controller.get(connected).1["hosts"].as_array().unwrap().len();
    // Memory that is allocated once, or with the first sessions, does not count.
    let mut agents: Vec<_> =
        names[..SESSIONS / 4].iter().map(|name| controller.agent(name)).collect();
    wait_until("the first sessions", || count() == agents.len());
    let before = controller.resident();
    agents.extend(names[SESSIONS / 4..].iter().map(|name| controller.agent(name)));
    wait_until("all sessions", || count() == SESSIONS);
    let each = (controller.resident() - before) * 10 / (SESSIONS - SESSIONS / 4);
    println!("an idle session costs {}.{} KiB", each / 10, each % 10);
    assert!(each / 10 <= BOUND, "{each} tenths of a KiB a session");
}
