//! A whole fleet that comes back at once.

#![expect(clippy::print_stdout, reason = "a test that reports its figures")]

#[path = "support/herd/mod.rs"]
mod herd;
mod support;

use herd::{Herd, members};
use std::time::{Duration, Instant};
use support::Controller;
use test_support::{wait_some_within, wait_until};

const AGENTS: usize = 2000;

/// Handshakes a second: few enough that most of the fleet is told to come back, and that a debug
/// build on a busy machine keeps up.
const RATE: &str = "150";

/// The time for a fleet to come back on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_fleet_comes_back_after_a_kill_and_no_host_needs_a_third_try() {
    let mut controller = Controller::start(&["--handshake-rate", "400"]);
    let mut herd = Herd::new(members(&controller.dir, controller.agents, AGENTS, true));
    herd.start(Duration::from_secs(5));
    wait_for_all(&herd);
    controller.kill();
    wait_until("the loss", || herd.connected() == 0);
    herd.forget_tries();
    controller.restart_with(&["--handshake-rate", RATE]);
    herd.move_to(controller.agents);
    wait_for_all(&herd);
    assert!(herd.tries().len() <= 2, "{:?} {:?}", herd.tries(), herd.failures());
}

fn wait_for_all(herd: &Herd) {
    let begun = Instant::now();
    let connected = wait_some_within(PATIENCE, "the fleet", || {
        let connected = herd.connected();
        (connected == AGENTS).then_some(connected)
    });
    println!("{connected} agents within {:?}: {:?}", begun.elapsed(), herd.tries());
}
