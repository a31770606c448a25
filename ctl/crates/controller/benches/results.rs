//! Results stored and acknowledged per second: over one session and over fifty, one at a time and
//! many at once.
//!
//! Run `cargo bench -p controller`. This process plays the agents of a real controller.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its figures"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Barrier;
use std::time::Instant;
use support::{Agent, Controller};

/// Bytes of output in each result.
const OUTPUT: usize = 200;

fn main() {
    for (sessions, window, each) in
        [(1, 1, 5_000), (1, 64, 100_000), (50, 1, 1_000), (50, 64, 4_000)]
    {
        let names: Vec<String> = (0..sessions).map(|number| format!("bench-{number}")).collect();
        let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
        let controller = Controller::start_with_hosts(&hosts);
        let agents: Vec<Agent> = names.iter().map(|name| controller.agent(name)).collect();
        let start = Barrier::new(sessions + 1);
        let took = std::thread::scope(|scope| {
            let running: Vec<_> = agents
                .into_iter()
                .map(|agent| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        deliver(agent, window, each);
                    })
                })
                .collect();
            start.wait();
            let begun = Instant::now();
            running.into_iter().for_each(|agent| agent.join().unwrap());
            begun.elapsed()
        });
        let results = sessions * each;
        println!(
            "{sessions} sessions, {window} unacknowledged each: {:.0} results/s stored, acknowledged",
            results as f64 / took.as_secs_f64()
        );
    }
}

/// Sends results and reads acknowledgements; at most `window` results are unacknowledged.
fn deliver(mut agent: Agent, window: usize, results: usize) {
    let output = "x".repeat(OUTPUT);
    let (mut sent, mut acked) = (0, 0);
    while acked < results {
        let mut events = String::new();
        while sent < results && sent - acked < window {
            events.push_str(&format!(
                "{{\"method\":\"async.result\",\"id\":\"0b9f1a52-0000-4000-8000-{sent:012}\",\"resp\":\"success\",\"retcode\":0,\
                 \"message\":\"Normal termination\",\"data\":\"{output}\",\"started\":\"2026-01-01T00:00:00.000Z\",\
                 \"ended\":\"2026-01-01T00:00:01.000Z\"}}\n"
            ));
            sent += 1;
        }
        if !events.is_empty() {
            agent.send(&events);
        }
        assert_eq!(agent.receive().unwrap()["method"], "async.ack");
        acked += 1;
    }
}
