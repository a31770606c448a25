//! `true` on a whole fleet as a run, beside as many bare pairs of a request and a reply over the same
//! TLS; and one command to one host while the run goes on.

use crate::bare::Bare;
use crate::herd::{Bootstrap, Herd, members};
use crate::support::Controller;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use test_support::wait_some_within;

/// More than a fleet should need on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The host that gets a command at a time while a run goes on.
const ONE: &str = "host-1";

pub(crate) fn run(agents: usize) {
    let floor = floor(agents);
    println!("the floor, {agents} bare pairs: {:.2} s", floor.as_secs_f64());
    let controller = Controller::start(&["--handshake-rate", "2000"]);
    let mut herd = Herd::new(members(&controller.dir, controller.agents, agents, true));
    herd.start(Duration::from_secs(5));
    wait_for(&herd, agents);
    let one = one(&controller);
    let mut peak = controller.resident();
    println!("resident with {agents} idle hosts: {} MiB", peak >> 10);
    let alone = commands(&controller, &|| false, 200);
    println!("one command at a time, nothing else: {}", figures(&alone));
    for concurrency in ["500", "100%"] {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let (begun, used) = (Instant::now(), controller.processor_time());
        let beside = std::thread::scope(|scope| {
            let controller = &controller;
            let beside = scope
                .spawn(move || commands(controller, &|| until.load(Ordering::Relaxed), usize::MAX));
            let run = plan(controller, concurrency);
            let planned = begun.elapsed();
            let (status, applied) = controller.post(&format!("/plans/{run}/apply"), &json!({}));
            assert_eq!(status, 200, "{applied}");
            let found = wait_some_within(PATIENCE, "the run's end", || {
                peak = peak.max(controller.resident());
                let found = controller.get(&format!("/runs/{run}")).1;
                (found["state"] == "ended").then_some(found)
            });
            let took = begun.elapsed() - planned;
            over.store(true, Ordering::Relaxed);
            assert_eq!(found["equation"]["succeeded"], agents, "{found}");
            println!(
                "a run of {agents}, concurrency {concurrency}: {:.2} s from its apply to the last \
                 end: {:.2} x the floor; planned (each host asked by exec.check) in {:.2} s; \
                 {:.2} s of the controller's processor time in all",
                took.as_secs_f64(),
                took.as_secs_f64() / floor.as_secs_f64(),
                planned.as_secs_f64(),
                (controller.processor_time() - used).as_secs_f64()
            );
            beside.join().unwrap()
        });
        println!("one command at a time beside it: {}", figures(&beside));
    }
    println!("peak of resident memory: {} MiB", peak >> 10);
    let starts = herd.members.iter().map(|member| member.starts());
    assert!(starts.flat_map(|starts| starts.into_values()).all(|starts| starts == 1));
    drop(one);
}

/// Returns the time of one pair with each agent, all at once, by a server that does nothing else.
fn floor(agents: usize) -> Duration {
    let scratch = Controller::start(&[]);
    let mut bare = Bare::start_pairs(&scratch.dir, agents);
    let mut herd = Herd::new(members(&scratch.dir, bare.address, agents, true));
    herd.start_by(Bootstrap::Tls, Duration::from_secs(5));
    wait_for(&herd, agents);
    bare.pairs()
}

fn wait_for(herd: &Herd, wanted: usize) {
    wait_some_within(PATIENCE, "the herd", || (herd.connected() >= wanted).then_some(()));
}

/// Plans the run.
fn plan(controller: &Controller, concurrency: &str) -> String {
    let body = json!({
        "request": { "method": "async.bash", "cmd": "true" }, "selector": "host!=host-1",
        "concurrency": concurrency, "ramp": false, "stop_after": "none",
    });
    let (status, run) = controller.post("/plans", &body);
    assert_eq!(status, 201, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

/// Connects a host that does each command at once.
fn one(controller: &Controller) -> std::thread::JoinHandle<()> {
    let mut agent = controller.agent(ONE);
    std::thread::spawn(move || {
        while let Ok(Some(message)) = agent.try_receive() {
            let reply: Value = json!({
                "id": message["id"], "resp": "success", "retcode": 0,
                "message": "Normal termination", "data": ""
            });
            agent.send(&format!("{reply}\n"));
        }
    })
}

/// Sends a command at a time until `over`, or so many; returns how long each took, ordered.
fn commands(controller: &Controller, over: &dyn Fn() -> bool, most: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    while !over() && took.len() < most {
        let begun = Instant::now();
        let (status, reply) = controller.ask(ONE, r#"{"method":"sync.bash","cmd":"true"}"#);
        assert_eq!(status, 200, "{reply}");
        took.push(begun.elapsed());
    }
    took.sort();
    took
}

fn figures(took: &[Duration]) -> String {
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    format!("p50 {:.1?}, p99 {:.1?}, max {:.1?} of {}", at(50), at(99), at(100), took.len())
}
