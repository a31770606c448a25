//! What a fleet costs the controller: handshakes, idle sessions, its return after a restart, a run and
//! schedules on all of it, and what several nodes do with it.
//!
//! Run `cargo bench -p controller --bench herd [-- WHAT [AGENTS [RATE]]]`. WHAT is `handshakes` (then
//! a part of the name of a kind, as in `resumed`, instead of numbers), `idle`, `restart`, `runs`,
//! `schedules`, `nodes` (three of them on PostgreSQL and NATS; 30,000 agents) or `bus` (the same without
//! NATS for 60 s; 300 agents); RATE is the `--handshake-rate` of the controller that comes back. This
//! process plays the agents of a real controller; a second copy of it is the bare acceptor that the
//! handshakes are compared with, and three more play the agents of the nodes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its figures"
)]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "herd/bare.rs"]
mod bare;
#[path = "herd/bus.rs"]
mod bus;
#[path = "herd/handshakes.rs"]
mod handshakes;
#[path = "../tests/support/herd/mod.rs"]
mod herd;
#[path = "herd/nodes.rs"]
mod nodes;
#[path = "herd/player.rs"]
mod player;
#[path = "herd/restart.rs"]
mod restart;
#[path = "herd/runs.rs"]
mod runs;
#[path = "herd/schedules.rs"]
mod schedules;
#[path = "herd/site.rs"]
mod site;

/// As many as one process, which may open 20,000 files, can play.
const AGENTS: usize = 18_000;

fn main() {
    // `cargo bench` adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut numbers = words.iter().filter(|word| word.parse::<usize>().is_ok());
    let given = numbers.next().and_then(|word| word.parse().ok());
    let agents = given.unwrap_or(AGENTS);
    let rate = numbers.next().map(String::as_str);
    match words.first().map(String::as_str) {
        Some("bare") => bare::serve(&words[1]),
        Some("pairs") => bare::serve_pairs(&words[1], agents),
        Some("player") => player::play(&words[1..]),
        Some("nodes") => nodes::run(given.unwrap_or(nodes::AGENTS)),
        Some("bus") => bus::run(given.unwrap_or(bus::AGENTS)),
        Some("handshakes") => handshakes::run(words.get(1).map_or("", String::as_str)),
        Some("idle") => restart::run(agents, None),
        Some("restart") => restart::run(agents, Some(rate)),
        Some("runs") => runs::run(agents),
        Some("schedules") => schedules::run(agents),
        _ => {
            handshakes::run("");
            restart::run(agents, Some(rate));
            runs::run(agents);
            schedules::run(agents);
        }
    }
}
