//! The controller is killed at random moments while hosts join: each host ends up with exactly one
//! identity, and no use of the token is lost or doubled.
//!
//! `make enroll-kills KILLS=500` kills it more often than the suite does.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step fails the test, which says how much it tried"
)]

mod support;

use agent_wire::ENROLL_ALPN;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Controller, csr, enroll, exchange, joining_client, new_key, open};

/// Kills in the suite.
const KILLS: usize = 15;

/// Hosts that join at the same time.
const AT_ONCE: usize = 8;

/// Kills that one token is enough for: it admits 10,000 hosts.
const KILLS_PER_TOKEN: usize = 25;

/// The time for one host to be answered: the controller restarts in between, many times.
const PATIENCE: Duration = Duration::from_secs(600);

/// Flags: the hosts all come from one address.
const FLAGS: [&str; 4] = ["--enroll-rate-per-address", "10000", "--enroll-rate", "100000"];

/// One host's request, and the id that it was given.
struct Joined {
    request: Value,
    id: String,
}

#[test]
fn each_host_has_one_identity_however_often_the_controller_is_killed() {
    let kills = std::env::var("KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut controller = Controller::start_own(&FLAGS);
    let terms = json!({ "max_uses": 10_000, "per_source_rate": 10_000 });
    let tokens: Vec<(String, String)> =
        (0..kills.div_ceil(KILLS_PER_TOKEN)).map(|_| controller.join_token(&terms)).collect();
    let roots = controller.roots();
    let address = Mutex::new(controller.agents);
    let over = AtomicBool::new(false);
    let joined: Vec<Joined> = std::thread::scope(|scope| {
        let hosts: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(|| join_until(&over, &address, &roots, &tokens)))
            .collect();
        for _ in 0..kills {
            // While the hosts join; when exactly does not matter, that is the point.
            std::thread::sleep(random_moment());
            controller.kill();
            controller.restart_own(&FLAGS);
            *address.lock().unwrap() = controller.agents;
        }
        over.store(true, Ordering::Relaxed);
        hosts.into_iter().flat_map(|host| host.join().unwrap()).collect()
    });

    println!("{} hosts joined while the controller was killed {kills} times", joined.len());
    assert!(joined.len() >= AT_ONCE);
    let ids: HashSet<&str> = joined.iter().map(|host| host.id.as_str()).collect();
    assert_eq!(ids.len(), joined.len(), "two hosts have one id");
    for (id, token) in &tokens {
        let by_it = joined.iter().filter(|host| host.request["token"] == token.as_str()).count();
        assert_eq!(controller.get(&format!("/tokens/{id}")).1["uses"], by_it, "uses of {id}");
    }
    let mut known = HashSet::new();
    let mut after = String::new();
    loop {
        let page = controller.get(&format!("/hosts?limit=1000&after={after}")).1;
        let hosts = page["hosts"].as_array().unwrap();
        known.extend(hosts.iter().map(|host| host["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(known.len(), joined.len(), "a host was made that nobody was told of");
    // The same question still has the same answer.
    for host in joined.iter().step_by(joined.len() / 20 + 1) {
        assert_eq!(controller.join(&host.request)["data"]["host_id"], host.id.as_str());
    }
}

/// Joins one host after the other until the end; each asks until it is answered.
fn join_until(
    over: &AtomicBool,
    address: &Mutex<SocketAddr>,
    roots: &str,
    tokens: &[(String, String)],
) -> Vec<Joined> {
    let mut joined = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let (_, token) = &tokens[joined.len() % tokens.len()];
        let request = enroll(token, &csr(&new_key()));
        let begun = Instant::now();
        let reply = loop {
            assert!(begun.elapsed() < PATIENCE, "a host was not answered");
            let at = *address.lock().unwrap();
            match ask(at, roots, &request) {
                Ok(reply) if reply["retcode"] == 0 => break reply,
                // Busy, or a store that is being closed: it says when to ask again.
                Ok(reply) => assert!(reply.contains_key("retry_after"), "{reply:?}"),
                Err(_) => std::thread::yield_now(),
            }
        };
        let id = reply["data"]["host_id"].as_str().unwrap().to_owned();
        joined.push(Joined { request, id });
    }
    joined
}

fn ask(at: SocketAddr, roots: &str, request: &Value) -> io::Result<Map<String, Value>> {
    let mut stream = open(at, joining_client(roots, None, ENROLL_ALPN))?;
    exchange(&mut stream, format!("{request}\n").as_bytes())
}

/// Returns 0 to 510 ms.
fn random_moment() -> Duration {
    let mut byte = [0];
    getrandom::fill(&mut byte).unwrap();
    Duration::from_millis(u64::from(byte[0]) * 2)
}
