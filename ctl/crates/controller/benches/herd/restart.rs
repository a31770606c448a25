//! The memory of idle sessions, and the return of a whole fleet after `kill -9`.

use crate::herd::{Herd, members};
use crate::support::Controller;
use std::time::{Duration, Instant};
use test_support::wait_some_within;

/// More than a fleet should need on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The time over which the processor's time is measured once the fleet is back.
const CALM: Duration = Duration::from_secs(10);

/// Connects so many agents, and lets the controller come back, with this rate of handshakes, if it
/// `restarts`.
pub(crate) fn run(agents: usize, restarts: Option<Option<&str>>) {
    let mut controller = Controller::start(&[]);
    let begun = Instant::now();
    let mut herd = Herd::new(members(&controller.dir, controller.agents, agents, true));
    println!("{agents} certificates made in {:.1} s", begun.elapsed().as_secs_f64());
    let before = controller.resident();
    herd.start(Duration::from_secs(5));
    wait_for(&herd, agents, "connected");
    std::thread::sleep(CALM);
    let each = (controller.resident() - before) as f64 / agents as f64;
    println!("an idle session costs {each:.1} KiB of resident memory");
    let Some(rate) = restarts else { return };
    controller.kill();
    wait_some_within(PATIENCE, "the loss", || (herd.connected() == 0).then_some(()));
    herd.forget_tries();
    let flags = rate.map(|rate| ["--handshake-rate", rate]);
    controller.restart_with(flags.as_ref().map_or(&[], |flags| flags.as_slice()));
    herd.move_to(controller.agents);
    let begun = Instant::now();
    let used = controller.processor_time();
    wait_for(&herd, agents * 99 / 100, "99 % back");
    wait_for(&herd, agents, "all back");
    let took = begun.elapsed();
    println!(
        "processor time meanwhile: {:.2} cores",
        (controller.processor_time() - used).as_secs_f64() / took.as_secs_f64()
    );
    let tries = herd.tries();
    let hosts = |of: usize| tries.get(of).copied().unwrap_or_default();
    let more: usize = tries.iter().skip(2).sum();
    println!("hosts that needed 1, 2, more tries: {}, {}, {more}", hosts(0), hosts(1));
    println!("tries that failed: {:?}", herd.failures());
    let metrics = controller.metrics();
    for line in metrics.lines().filter(|line| line.starts_with("basicagent_handshakes_total")) {
        if !line.ends_with(" 0") {
            println!("{line}");
        }
    }
    let used = controller.processor_time();
    std::thread::sleep(CALM);
    println!(
        "processor time after it: {:.3} cores",
        (controller.processor_time() - used).as_secs_f64() / CALM.as_secs_f64()
    );
}

fn wait_for(herd: &Herd, wanted: usize, what: &str) {
    let begun = Instant::now();
    let found = wait_some_within(PATIENCE, what, || {
        let connected = herd.connected();
        (connected >= wanted).then_some(connected)
    });
    println!("{what}: {found} agents after {:.1} s", begun.elapsed().as_secs_f64());
}
