//! Hosts that join per second, all behind one address, and the time in which a revocation closes
//! live channels.
//!
//! Run `cargo bench -p controller --bench enroll`. This process plays the hosts of a real
//! controller beside it, so both share the processors.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its figures"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use agent_wire::ENROLL_ALPN;
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, Controller, Host, csr, enroll, exchange, joining_client, new_key, open};

/// Hosts that join.
const HOSTS: usize = 10_000;

/// Hosts that ask at the same time.
const AT_ONCE: usize = 64;

/// Channels that a revocation closes.
const CHANNELS: usize = 500;

fn main() {
    let flags = ["--enroll-rate", "100000"];
    let controller = Controller::start_own(&flags);
    join_all(&controller);
    revoke(&controller);
}

/// Measures how many hosts join in a second by a token that allows their one address so many.
fn join_all(controller: &Controller) {
    let terms = json!({ "max_uses": HOSTS, "per_source_rate": 10_000 });
    let (id, token) = controller.join_token(&terms);
    let client = joining_client(&controller.roots(), None, ENROLL_ALPN);
    let next = AtomicUsize::new(0);
    let waits = Mutex::new(Vec::with_capacity(HOSTS));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < HOSTS {
                    let request = format!("{}\n", enroll(&token, &csr(&new_key())));
                    let asked = Instant::now();
                    let mut stream = open(controller.agents, client.clone()).unwrap();
                    let reply = exchange(&mut stream, request.as_bytes()).unwrap();
                    assert_eq!(reply["retcode"], 0, "{reply:?}");
                    waits.lock().unwrap().push(asked.elapsed());
                }
            });
        }
    });
    let took = begun.elapsed();
    let mut waits = waits.into_inner().unwrap();
    waits.sort_unstable();
    assert_eq!(controller.get(&format!("/tokens/{id}")).1["uses"], HOSTS);
    println!(
        "{HOSTS} hosts behind one address joined: {:.0} a second, {AT_ONCE} at once, p99 {:.0} ms",
        HOSTS as f64 / took.as_secs_f64(),
        milliseconds(waits[HOSTS * 99 / 100])
    );
}

/// Measures how long the channels of revoked hosts stay open.
fn revoke(controller: &Controller) {
    let (id, token) =
        controller.join_token(&json!({ "max_uses": CHANNELS, "per_source_rate": 10_000 }));
    let hosts: Vec<Host> = (0..CHANNELS).map(|_| controller.enroll(&token)).collect();
    let agents: Vec<Agent> = hosts.iter().map(|host| controller.channel(host)).collect();
    let begun = Instant::now();
    assert!(controller.delete(&format!("/tokens/{id}?with_hosts=true")) < 300);
    let answered = begun.elapsed();
    for mut agent in agents {
        while agent.try_receive().is_ok_and(|message| message.is_some()) {}
    }
    println!(
        "{CHANNELS} channels of a token's hosts: all closed {:.0} ms after the request to revoke it \
         with its hosts, which was answered after {:.0} ms",
        milliseconds(begun.elapsed()),
        milliseconds(answered)
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
