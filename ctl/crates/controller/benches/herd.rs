//! What a fleet costs the controller: handshakes, idle sessions, its return after a restart, and a
//! run and schedules on all of it.
//!
//! Run `cargo bench -p controller --bench herd [-- WHAT [AGENTS [RATE]]]`. WHAT is `handshakes` (then
//! a part of the name of a kind, as in `resumed`, instead of numbers), `idle`, `restart`, `runs` or
//! `schedules`; RATE is the `--handshake-rate` of the controller that comes back. This process plays
//! the agents of a real controller; a second copy of it is the bare acceptor that the handshakes are
//! compared with.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its figures"
)]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "herd/bare.rs"]
mod bare;
#[path = "herd/handshakes.rs"]
mod handshakes;
#[path = "../tests/support/herd/mod.rs"]
mod herd;
#[path = "herd/restart.rs"]
mod restart;
#[path = "herd/runs.rs"]
mod runs;
#[path = "herd/schedules.rs"]
mod schedules;

/// As many as one process, which may open 20,000 files, can play.
const AGENTS: usize = 18_000;

fn main() {
    // `cargo bench` adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut numbers = words.iter().filter(|word| word.parse::<usize>().is_ok());
    let agents = numbers.next().and_then(|word| word.parse().ok()).unwrap_or(AGENTS);
    let rate = numbers.next().map(String::as_str);
    match words.first().map(String::as_str) {
        Some("bare") => bare::serve(&words[1]),
        Some("pairs") => bare::serve_pairs(&words[1], agents),
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
