//! 30,000 agents on three nodes: their handshakes, their memory, a run on all of them, and how they
//! spread when a node stops, comes back, and is killed.

use crate::site::{NODES, PATIENCE, Site, apply, ended, plan};
use std::time::{Duration, Instant};
use test_support::wait_some_within;

/// 10,000 for each process, which may open 20,000 files.
pub(crate) const AGENTS: usize = 30_000;

/// The time within which the agents begin to connect, in seconds.
const WITHIN: u64 = 5;

/// The time until memory and processor time are measured.
const CALM: Duration = Duration::from_secs(10);

/// Runs on all agents.
const RUNS: usize = 3;

pub(crate) fn run(agents: usize) {
    let Some(mut site) = Site::start(agents) else { return };
    let before: usize = site.resident().iter().sum();
    let (begun, used) = (Instant::now(), site.processor_time());
    site.players.iter_mut().for_each(|player| player.connect(WITHIN));
    site.wait_for(agents);
    let took = begun.elapsed();
    println!(
        "{agents} hosts that nobody knew: connected in {:.1} s ({:.0} a second), {:.1} s of the nodes' \
         processor time",
        took.as_secs_f64(),
        agents as f64 / took.as_secs_f64(),
        (site.processor_time() - used).as_secs_f64()
    );
    std::thread::sleep(CALM);
    println!("spread over the nodes: {:?}", site.spread());
    memory(&site, before, agents);
    let used = site.processor_time();
    std::thread::sleep(CALM);
    let idle = (site.processor_time() - used).as_secs_f64() / CALM.as_secs_f64();
    println!("processor time of the idle nodes: {idle:.3} cores");
    (0..RUNS).for_each(|_| on_all(&mut site, agents));
    memory(&site, before, agents);
    stop(&mut site, agents);
    come_back(&mut site, agents);
    kill(&mut site, agents);
    on_all(&mut site, agents);
    assert_eq!(site.started(), (agents * (RUNS + 1), 1), "each once");
}

fn memory(site: &Site, before: usize, agents: usize) {
    let now = site.resident();
    let all: usize = now.iter().sum();
    println!(
        "resident: {:?} MiB, {} MiB in all; {:.1} KiB for each host beyond the empty nodes",
        now.iter().map(|kib| kib >> 10).collect::<Vec<_>>(),
        all >> 10,
        all.saturating_sub(before) as f64 / agents as f64
    );
}

/// Runs `true` on all hosts: planned, applied and looked at by a node that does not drive it.
fn on_all(site: &mut Site, agents: usize) {
    let other = site.follower();
    let (begun, used) = (Instant::now(), site.processor_time());
    let run = plan(&site.nodes[other], "100%");
    let planned = begun.elapsed();
    apply(&site.nodes[other], &run);
    let found = wait_some_within(PATIENCE, "the run's end", || ended(&site.nodes[other], &run));
    let took = begun.elapsed() - planned;
    assert_eq!(found["equation"]["succeeded"], agents, "{found}");
    println!(
        "`true` on {agents}: {:.2} s from its apply to the last end; planned in {:.2} s; {:.1} s \
         of the nodes' processor time",
        took.as_secs_f64(),
        planned.as_secs_f64(),
        (site.processor_time() - used).as_secs_f64()
    );
}

/// Stops the node that leads, as `systemctl stop` does.
fn stop(site: &mut Site, agents: usize) {
    let (node, begun) = leaves(site);
    site.nodes[node].signal("-TERM");
    assert!(site.nodes[node].wait().success());
    println!("a node stops within {:.1} s", begun.elapsed().as_secs_f64());
    back(site, agents, begun);
}

/// Kills the node that leads.
fn kill(site: &mut Site, agents: usize) {
    let (node, begun) = leaves(site);
    site.nodes[node].kill();
    println!("a node is killed");
    wait_some_within(PATIENCE, "another leader", || site.leader().filter(|next| *next != node));
    println!("another one leads after {:.1} s", begun.elapsed().as_secs_f64());
    back(site, agents, begun);
}

/// Returns the node that leads and is about to end, and the time.
fn leaves(site: &mut Site) -> (usize, Instant) {
    let leader = wait_some_within(PATIENCE, "a leader", || site.leader());
    site.ended = Some(leader);
    site.players.iter_mut().for_each(|player| drop(player.failures()));
    (leader, Instant::now())
}

/// Starts a node again, and waits until it has its share.
fn come_back(site: &mut Site, agents: usize) {
    let begun = Instant::now();
    site.start_again();
    println!("it is back within {:.1} s", begun.elapsed().as_secs_f64());
    let least = agents as u64 / NODES as u64 * 8 / 10;
    let spread = wait_some_within(PATIENCE, "its share", || {
        let spread = site.spread();
        (spread.len() == NODES && spread.iter().all(|hosts| *hosts >= least)).then_some(spread)
    });
    println!("balanced after {:.1} s: {spread:?}", begun.elapsed().as_secs_f64());
    site.wait_for(agents);
}

/// Waits until the agents of a node that has ended are at the others.
fn back(site: &mut Site, agents: usize, begun: Instant) {
    // They notice at once.
    std::thread::sleep(Duration::from_millis(500));
    site.wait_for(agents * 99 / 100);
    println!("99 % are connected after {:.1} s", begun.elapsed().as_secs_f64());
    site.wait_for(agents);
    println!("all are connected after {:.1} s", begun.elapsed().as_secs_f64());
    std::thread::sleep(CALM);
    println!("spread over the nodes: {:?}", site.spread());
    for player in &mut site.players {
        println!("tries that failed: {}", player.failures());
    }
}
