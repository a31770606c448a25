//! Compares BasicAgent's costs with those of the barest program that does the same: `make bench`.
//!
//! BasicAgent and the floor take turns, so that a machine that speeds up or slows down affects
//! both, and each bar is a ratio. `cargo bench -p e2e -- --bar NAME` measures one table. A missed
//! bar is printed and does not change the exit status.

#![expect(clippy::print_stdout, reason = "a bench prints its tables")]

mod bash;
mod channel;
mod commands;
mod cron;
mod fleet;
mod idle;
mod jobs;
mod line;
mod peers;
mod sample;
mod sizes;
mod table;
mod tasks;

use std::time::Instant;

/// A function that measures and prints one table.
type Bars = fn();

const TABLES: [(&str, Bars); 12] = [
    ("sizes", sizes::run),
    ("idle", idle::run),
    ("ctl", commands::kernel),
    ("users", commands::users),
    ("providers", commands::providers),
    ("bash", bash::run),
    ("channel", channel::run),
    ("tasks", tasks::run),
    ("cron", cron::run),
    ("jobs", jobs::loaded),
    ("due", jobs::due),
    ("fleet", fleet::run),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = words.iter().position(|word| word == "--bar").and_then(|at| words.get(at + 1));
    let known = |name: &String| TABLES.iter().any(|(table, _)| table == name);
    assert!(wanted.is_none_or(known), "--bar must be one of {:?}", TABLES.map(|(name, _)| name));
    let start = Instant::now();
    for (name, run) in TABLES {
        if wanted.is_none_or(|wanted| wanted == name) {
            println!("\n## {name}\n");
            run();
        }
    }
    println!("\n({} s)", start.elapsed().as_secs());
}
