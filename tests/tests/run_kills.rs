//! Real agents and a real controller, killed at random moments while runs go through the hosts: each
//! run adds up, and each host starts each command at most once.
//!
//! A command appends one line to a file of its run and its host: the ledger. Each agent has a host
//! name of its own (`unshare --uts`), by which the command knows where it runs.
//! `make run-kills KILLS=200 RUNS=20` kills more often, with 50 agents.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a failed step fails the test, which says what it tried; a test starts real binaries"
)]

#[path = "fleet/mod.rs"]
mod fleet;

use e2e::{wait_some_within, wait_until};
use fleet::{Controller, Host};
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};
use test_support::needs_root;

/// Longer than the runs take to end once nothing is killed anymore.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest time between two kills, in milliseconds.
const MAX_PAUSE: u64 = 1_500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Numbers that a seed repeats (SplitMix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[test]
fn each_run_adds_up_and_each_host_starts_it_once_whatever_is_killed() {
    if !needs_root("agents with host names of their own") {
        return;
    }
    let (agents, runs) = (number("AGENTS", 10), number("RUNS", 3));
    let kills = number("KILLS", 6);
    let seed = std::env::var("SEED").map_or_else(
        |_| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        |text| text.parse().unwrap(),
    );
    println!("SEED={seed}");
    let mut rng = Rng(seed);
    let mut controller = Controller::start("run-kills");
    let mut hosts: Vec<Host> =
        (0..agents).map(|n| Host::join(&controller, &format!("host-{n}"), "")).collect();
    let ledger = controller.scratch.file("ledger");
    std::fs::create_dir_all(&ledger).unwrap();
    wait_until("every host is online", || {
        let page = controller.get("/hosts?connected=true&limit=1000");
        page.is_some_and(|page| {
            page["hosts"].as_array().map(Vec::len) == usize::try_from(agents).ok()
        })
    });

    let began = Instant::now();
    let mut ids = Vec::new();
    for run in 0..runs {
        let cmd = format!("echo x >> {}/{run}-$HOSTNAME; sleep 0.{}", ledger.display(), run % 10);
        let body = json!({
            "request": { "method": "sync.bash", "cmd": cmd }, "selector": "",
            "stop_after": "none", "ramp": rng.below(2) == 0, "concurrency": "50%",
            "stages": ["1", "100%"],
        });
        let answer = controller.call("POST", "/runs", Some(&body)).unwrap();
        ids.push(answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned());
        // All kills, spread over the runs; when exactly does not matter, that is the point.
        for _ in kills * run / runs..kills * (run + 1) / runs {
            std::thread::sleep(Duration::from_millis(rng.below(MAX_PAUSE)));
            let host = usize::try_from(rng.below(agents)).unwrap();
            if rng.below(2) == 0 {
                hosts[host].kill();
            }
            controller.kill();
        }
    }

    let mut succeeded = 0;
    for (run, id) in ids.iter().enumerate() {
        let row = wait_some_within(PATIENCE, "the run's end", || {
            let row = controller.get(&format!("/runs/{id}"))?;
            (row["state"] == "ended").then_some(row)
        });
        let equation = row["equation"].as_object().unwrap();
        let ends = equation.iter().filter(|(state, _)| *state != "total");
        let sum: u64 = ends.filter_map(|(_, count)| count.as_u64()).sum();
        assert_eq!((&row["equation"]["total"], sum), (&json!(agents), agents), "{row}");
        for host in &hosts {
            let lines = std::fs::read_to_string(ledger.join(format!("{run}-{}", host.id)))
                .map_or(0, |text| text.lines().count());
            let target = controller.get(&format!("/runs/{id}/targets/{}", host.id)).unwrap();
            let state = target["target"]["state"].as_str().unwrap().to_owned();
            assert!(lines <= 1, "{} started run {run} {lines} times: {target}", host.id);
            assert!(state != "succeeded" || lines == 1, "{} did not start: {target}", host.id);
            succeeded += u64::from(state == "succeeded");
        }
    }
    println!(
        "{kills} kills of the controller during {runs} runs on {agents} agents: {succeeded} of {} \
         targets succeeded, {} s",
        agents * runs,
        began.elapsed().as_secs()
    );
    assert!(succeeded > 0);
}
