//! A site of several nodes on PostgreSQL and NATS, with real agents, all killed at random moments while
//! runs go through the hosts. What a client was told is written down as it happens, and checked at the
//! end with what the nodes then say and what the hosts have done (`history`).
//!
//! `make node-kills KILLS=200 RUNS=20 AGENTS=50` kills more often.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a failed step fails the test, which says what it tried; a test starts real binaries"
)]

#[path = "../fleet/mod.rs"]
mod fleet;
mod history;
mod site;

use e2e::wait_some_within;
use fleet::Host;
use history::{Ended, History, Started};
use serde_json::json;
use site::Site;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use test_support::needs_root;

/// Longer than the runs take to end once nothing is killed anymore.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest time between two kills, in milliseconds.
const MAX_PAUSE: u64 = 3_000;

/// Nodes of the site.
const NODES: usize = 3;

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

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Leader,
    Node,
    Bus,
    Database,
    Agent,
}

impl Victim {
    fn any(rng: &mut Rng) -> Self {
        match rng.below(10) {
            0..=2 => Self::Leader,
            3..=5 => Self::Node,
            6 => Self::Bus,
            7 => Self::Database,
            _ => Self::Agent,
        }
    }
}

#[test]
fn no_run_and_no_result_is_lost_and_nothing_starts_twice_whatever_is_killed() {
    if !needs_root("agents with host names of their own") {
        return;
    }
    let (agents, runs) = (number("AGENTS", 8), number("RUNS", 4));
    let kills = number("KILLS", 8);
    let seed = std::env::var("SEED").map_or_else(
        |_| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        |text| text.parse().unwrap(),
    );
    println!("SEED={seed}");
    let Some(mut site) = Site::start(NODES) else { return };
    let mut hosts: Vec<Host> = (0..agents).map(|n| site.join(&format!("host-{n}"))).collect();
    let ids: Vec<String> = hosts.iter().map(|host| host.id.clone()).collect();
    site.wait_for_hosts(hosts.len());
    let ledger = site.scratch.file("ledger");
    std::fs::create_dir_all(&ledger).unwrap();

    let client = site.client();
    let history = History::default();
    let (began, is_over) = (Instant::now(), AtomicBool::new(false));
    let mut killed: BTreeMap<Victim, u64> = BTreeMap::new();
    std::thread::scope(|scope| {
        let (client, history, is_over, ledger) = (&client, &history, &is_over, &ledger);
        let creating = scope.spawn(move || {
            let mut rng = Rng(seed ^ 1);
            for run in 0..runs {
                let cmd = format!(
                    "echo x >> {}/{run}-$HOSTNAME; sleep 0.{}; echo {run} $HOSTNAME",
                    ledger.display(),
                    run % 10
                );
                let method = if rng.below(2) == 0 { "sync.bash" } else { "async.bash" };
                let body = json!({
                    "request": { "method": method, "cmd": cmd }, "selector": "",
                    "stop_after": "none", "ramp": rng.below(2) == 0, "concurrency": "50%",
                    "stages": ["1", "100%"],
                });
                // A client that gets no answer asks again, another node perhaps, with the same key.
                let answer = wait_some_within(PATIENCE, "an answer to a new run", || {
                    let node = usize::try_from(rng.below(NODES as u64)).unwrap();
                    let answer = client.create_run(node, &format!("{seed}-{run}"), &body)?;
                    answer["id"].is_string().then_some(answer)
                });
                history.created(run, answer["id"].as_str().unwrap());
                std::thread::sleep(Duration::from_millis(rng.below(MAX_PAUSE)));
            }
        });
        let reading = scope.spawn(move || {
            let mut rng = Rng(seed ^ 2);
            while !is_over.load(Ordering::Relaxed) {
                let node = usize::try_from(rng.below(NODES as u64)).unwrap();
                for (run, id) in history.runs() {
                    if let Some(row) = client.get(node, &format!("/runs/{id}"))
                        && row["id"].is_string()
                    {
                        history.read(run, &row);
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let mut rng = Rng(seed);
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(rng.below(MAX_PAUSE)));
            let victim = Victim::any(&mut rng);
            let away = Duration::from_millis(rng.below(2 * MAX_PAUSE));
            *killed.entry(victim).or_default() += 1;
            match victim {
                Victim::Leader => site.kill_leader(away),
                Victim::Node => {
                    site.kill_node(usize::try_from(rng.below(NODES as u64)).unwrap(), away);
                }
                Victim::Bus => site.kill_bus(away),
                Victim::Database => site.kill_database(away),
                Victim::Agent => {
                    hosts[usize::try_from(rng.below(agents)).unwrap()].kill();
                }
            }
        }
        creating.join().unwrap();
        for (_, id) in history.runs() {
            wait_some_within(PATIENCE, "the run's end", || {
                let row = client.get(0, &format!("/runs/{id}"))?;
                (row["state"] == "ended").then_some(())
            });
        }
        is_over.store(true, Ordering::Relaxed);
        reading.join().unwrap();
    });

    let mut ended = Vec::new();
    for (run, id) in history.runs() {
        let row = site.client().get(1, &format!("/runs/{id}")).unwrap();
        history.read(run, &row);
        ended.push(Ended::of(run, &site.client(), 2, &id, &ids));
    }
    let started = Started::in_folder(Path::new(&ledger), runs, &ids);
    let violations = history.check(&ended, &started, agents);
    assert!(violations.is_empty(), "SEED={seed}: {violations:#?}");
    let succeeded: usize = ended.iter().map(Ended::succeeded).sum();
    println!(
        "killed: {killed:?}, during {runs} runs on {agents} agents at {NODES} nodes: {succeeded} of \
         {} targets succeeded, {} reads, {} s; no violation",
        agents * runs,
        history.reads(),
        began.elapsed().as_secs()
    );
    assert!(succeeded > 0);
}
