//! Commands and runs while the bus is gone: what they wait, and that none is lost.

use crate::site::{NODES, PATIENCE, Site, apply, ended, plan};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use test_support::wait_some_within;

/// At most a page of hosts.
pub(crate) const AGENTS: usize = 300;

/// The parts of the measurement: with the bus, without it, and with it again.
const PARTS: [(&str, Duration); 3] = [
    ("with the bus", Duration::from_secs(20)),
    ("without it", Duration::from_secs(60)),
    ("with it again", Duration::from_secs(20)),
];

/// Clients that send a command at a time, each to another host.
const CLIENTS: usize = 8;

pub(crate) fn run(agents: usize) {
    let Some(mut site) = Site::start(agents) else { return };
    site.players.iter_mut().for_each(|player| player.connect(1));
    site.wait_for(agents);
    for node in &site.nodes {
        wait_some_within(PATIENCE, "a node that knows all hosts", || {
            let list = node.get("/hosts?connected=true&limit=1000").1;
            (list["hosts"].as_array().map(Vec::len) == Some(agents)).then_some(())
        });
    }
    let part = AtomicUsize::new(0);
    let mut runs = 0;
    std::thread::scope(|scope| {
        let nodes = &site.nodes;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let part = &part;
                scope.spawn(move || {
                    let (mut took, mut host) = (vec![Vec::new(); PARTS.len()], client);
                    loop {
                        let now = part.load(Ordering::Relaxed);
                        let Some(took) = took.get_mut(now) else { break };
                        let begun = Instant::now();
                        let id = format!("herd-{host:05}");
                        let body = r#"{"method":"sync.bash","cmd":"true","wait":60}"#;
                        // Each host's own node in turn with the others.
                        let asked = (host + host / NODES) % NODES;
                        let (status, reply) = nodes[asked].ask(&id, body);
                        assert_eq!(status, 200, "{id}: {reply}");
                        took.push(begun.elapsed());
                        host = (host + CLIENTS + 1) % agents;
                    }
                    took
                })
            })
            .collect();
        for (number, (what, lasts)) in PARTS.iter().enumerate() {
            match number {
                1 => site.bus.kill(),
                2 => site.bus.start_again(),
                _ => {}
            }
            part.store(number, Ordering::Relaxed);
            let begun = Instant::now();
            let mut longest = Duration::ZERO;
            while begun.elapsed() < *lasts {
                let node = &nodes[runs % NODES];
                let started = Instant::now();
                let run = plan(node, "100%");
                apply(node, &run);
                let found = wait_some_within(PATIENCE, "the run's end", || ended(node, &run));
                assert_eq!(found["equation"]["succeeded"], agents, "{found}");
                longest = longest.max(started.elapsed());
                runs += 1;
            }
            println!("{what}: the longest of the runs on {agents} hosts: {longest:.2?}");
        }
        part.store(PARTS.len(), Ordering::Relaxed);
        let mut all = vec![Vec::new(); PARTS.len()];
        for client in clients {
            for (all, took) in all.iter_mut().zip(client.join().unwrap()) {
                all.extend(took);
            }
        }
        for ((what, _), took) in PARTS.iter().zip(&mut all) {
            took.sort();
            let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
            println!(
                "{what}: a command to any host by any node: p50 {:.1?}, p99 {:.1?}, most {:.1?} of {}",
                at(50),
                at(99),
                at(100),
                took.len()
            );
        }
    });
    assert_eq!(site.started(), (agents * runs, 1), "each once");
    println!("{runs} runs: each host started each command once");
}
