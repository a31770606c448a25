//! A controller and its hosts, simulated with the real engine of runs: every order of events, with
//! everything that breaks.
//!
//! The engine, the budgets and the meaning of replies are those of the controller. The store, the
//! channels and the agents are models; so are the faults: channels break, messages are late, lost
//! with their channel or repeated, replies never come, agents and machines go down and come back or
//! do not, the controller is killed between any two steps and only committed rows survive, clocks
//! jump, policies refuse, hosts have no room, are removed, quarantined and given other labels, roles
//! are withdrawn, limits of budgets change, and runs are canceled.
//!
//! Two of three seeds have three nodes on one database: hosts are anywhere, one node leads and reaches
//! the others' hosts by letters, nodes die, stop for a while in the middle of a step, and come back when
//! another one leads already; the database stalls, and the bus is lost.
//!
//! A seed repeats a simulation exactly: `SIM_SEED=42 cargo test -p fleet --test sim`. `make sim`
//! runs 5,000 seeds.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step fails the test, which says what it tried"
)]

mod bug;
mod driver;
mod host;
mod rng;
mod shadow;
mod site;
mod store;
mod world;

use bug::Bug;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{Seen, World};

/// Seeds in the suite.
const SEEDS: u64 = 200;

/// Seeds within which each deliberate fault must be found.
const SEEDS_TO_FIND: u64 = 400;

/// Threads: a machine with two cores uses both.
const THREADS: usize = 2;

fn simulate(seed: u64, bug: Option<Bug>) -> Result<Seen, String> {
    catch_unwind(AssertUnwindSafe(|| World::new(seed, bug).run())).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
    })
}

#[test]
fn every_run_adds_up_whatever_breaks() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = match number("SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let totals = Mutex::new((0, BTreeMap::<&str, u32>::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failures.lock().unwrap().len() >= 5 {
                        return;
                    }
                    match simulate(seed, None) {
                        Ok(seen) => {
                            let mut totals = totals.lock().unwrap();
                            totals.0 += seen.events;
                            for (end, targets) in seen.ends {
                                *totals.1.entry(end).or_default() += targets;
                            }
                        }
                        Err(why) => failures.lock().unwrap().push((seed, why)),
                    }
                }
            });
        }
    });
    let (events, ends) = totals.into_inner().unwrap();
    println!("{count} seeds from {first}, {events} events; ends: {ends:?}");
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "repeat with SIM_SEED=…: {failures:#?}");
    if count >= SEEDS {
        assert_eq!(ends.len(), fleet::run::EndState::ALL.len() - 1, "an end never came: {ends:?}");
    }
}

#[test]
fn a_seed_repeats_a_simulation_exactly() {
    for seed in [7, 8] {
        let run = || simulate(seed, None).map(|seen| format!("{seen:?}"));
        assert_eq!(run(), run());
    }
}

#[test]
fn each_deliberate_fault_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        match (0..SEEDS_TO_FIND).find_map(|seed| Some((seed, simulate(seed, Some(bug)).err()?))) {
            Some((seed, why)) => println!("{bug:?}: seed {seed}: {why}"),
            None => missed.push(bug),
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "no seed of {SEEDS_TO_FIND} found {missed:?}");
}
