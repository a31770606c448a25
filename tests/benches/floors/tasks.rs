//! What it takes to accept a task, beside the one thing that can't be left out: a write that is on the disk.

use crate::line::Line;
use crate::peers::Controller;
use crate::sample::{Pair, Ratio, ms, take_turns, us};
use crate::table::{self, Bar};
use serde_json::json;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Tasks accepted one after the other.
const TASKS: usize = 1_000;

/// Tasks submitted at once, as many syncs in turn, and turns of both.
const AT_ONCE: usize = 1_000;
const TURNS: usize = 7;

/// Bytes of one write: about what a task's record has.
const RECORD: usize = 256;

const PING: &[u8] = b"{\"id\":\"ping-1\",\"method\":\"agent.ping\"}\n";

/// A file laid out beforehand, so that a sync has nothing to bring to the disk but the write itself.
struct Synced {
    file: File,
    at: u64,
}

impl Synced {
    fn new(directory: &Path) -> Self {
        let path = directory.join("floor");
        let file = File::options().create(true).truncate(true).write(true).open(path).expect("ours");
        file.write_all_at(&vec![0; 8 << 20], 0).expect("space");
        file.sync_all().expect("a disk");
        Self { file, at: 0 }
    }

    fn write(&mut self) {
        self.file.write_all_at(&[b'x'; RECORD], self.at % (8 << 20)).expect("space");
        self.file.sync_data().expect("a disk");
        self.at += RECORD as u64;
    }
}

fn request(id: &str) -> Vec<u8> {
    format!("{}\n", json!({"id": id, "method": "async.bash", "cmd": "true"})).into_bytes()
}

fn accepted(answer: &[u8]) {
    assert!(answer.windows(10).any(|part| part == b"\"Accepted\""), "{}", String::from_utf8_lossy(answer));
}

/// Accepting alone: the one place to run has a task that sleeps.
pub(crate) fn run() {
    let controller = Controller::new();
    let (agent, mut line) = controller.agent_with("[tasks]\nmax_running = 1\n");
    let first = format!("{}\n", json!({"id": "first", "method": "async.bash", "cmd": "sleep 600"}));
    accepted(line.ask(first.as_bytes()));
    let mut floor = Synced::new(agent.scratch().path());

    table::ratios();
    let mut number = 0;
    let mut next = || {
        number += 1;
        request(&format!("task-{number}"))
    };
    let pair = take_turns(TASKS, || accepted(line.ask(&next())), || floor.write());
    rows("`async.bash` accepted, over the channel : one write and fdatasync", &pair, Bar::AtMost(1.5));
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let requests: Vec<u8> = (0..AT_ONCE).flat_map(|_| next()).collect();
        ours.push(at_once(&mut line, &requests));
        let start = Instant::now();
        (0..AT_ONCE).for_each(|_| floor.write());
        floors.push(start.elapsed());
    }
    let ratio = Ratio::of(
        ours.iter().zip(&floors).map(|(ours, floor)| floor.as_secs_f64() / ours.as_secs_f64()).collect(),
    );
    let (ours, floor) = (median(&mut ours), median(&mut floors));
    let what = format!("{AT_ONCE} tasks accepted at once : {AT_ONCE} syncs in turn, times faster");
    table::ratio(&what, &ms(ours), &ms(floor), &ratio, Bar::AtLeast(20.0));
    let ping = take_turns(TASKS, || assert!(!line.ask(PING).is_empty()), || ());
    println!("\n(`agent.ping` over the same channel: {})", us(ping.at(50).0));
}

fn rows(what: &str, pair: &Pair, bar: Bar) {
    for (percent, bar) in [(50, bar), (99, Bar::None)] {
        let (ours, floor) = pair.at(percent);
        table::ratio(&format!("{what}, p{percent}"), &us(ours), &us(floor), &pair.ratio(percent), bar);
    }
}

fn at_once(line: &mut Line, requests: &[u8]) -> Duration {
    let start = Instant::now();
    line.send(requests);
    let mut left = AT_ONCE;
    while left > 0 {
        left -= line.count_answers();
    }
    start.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
