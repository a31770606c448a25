//! Compares the time to accept a task with its one unavoidable step: a write that reaches the disk.

use crate::line::Line;
use crate::peers::Controller;
use crate::sample::{Pair, Ratio, ms, take_turns, us};
use crate::table::{self, Bar};
use e2e::Synced;
use serde_json::json;
use std::time::{Duration, Instant};

/// Tasks accepted one after the other.
const TASKS: usize = 1_000;

/// The number of tasks submitted at once and of syncs in turn, and the number of turns of both.
const AT_ONCE: usize = 1_000;
const TURNS: usize = 7;

/// One task runs and sleeps; all others wait.
const ONE_PLACE: &str = "[tasks]\nmax_running = 1\n";

const CANCEL: &[u8] = b"{\"id\":\"cancel\",\"method\":\"async.cancel\",\"task\":\"first\"}\n";
const PING: &[u8] = b"{\"id\":\"ping-1\",\"method\":\"agent.ping\"}\n";

fn request(id: &str) -> Vec<u8> {
    format!("{}\n", json!({"id": id, "method": "async.bash", "cmd": "true"})).into_bytes()
}

fn accepted(answer: &[u8]) {
    assert!(
        answer.windows(10).any(|part| part == b"\"Accepted\""),
        "{}",
        String::from_utf8_lossy(answer)
    );
}

/// Measures accepting alone: a task that sleeps occupies the only place to run.
pub(crate) fn run() {
    let controller = Controller::new();
    let (agent, mut line) = controller.agent_with(ONE_PLACE);
    let first = format!("{}\n", json!({"id": "first", "method": "async.bash", "cmd": "sleep 600"}));
    accepted(line.ask(first.as_bytes()));
    let mut floor = Synced::new(agent.scratch().path()).expect("space");
    let answer = line.ask(&request("sized")).len();
    let (_peer, mut peer) = controller.floor("sync", &[&answer.to_string()]);

    table::ratios();
    let mut number = 0;
    let mut next = || {
        number += 1;
        request(&format!("task-{number}"))
    };
    let other = request("other");
    let pair =
        take_turns(TASKS, || accepted(line.ask(&next())), || assert!(!peer.ask(&other).is_empty()));
    rows("`async.bash` accepted : the same TLS, one write and fdatasync", &pair, Bar::AtMost(1.5));
    let pair = take_turns(TASKS, || accepted(line.ask(&next())), || floor.write());
    rows("`async.bash` accepted, TLS and all : one write and fdatasync alone", &pair, Bar::None);
    let ping = take_turns(TASKS, || assert!(!line.ask(PING).is_empty()), || ());
    line.send(CANCEL);
    line.answer();
    drop((line, agent));

    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        // Each turn has its own agent, so that none has the tasks of the previous turn.
        let (agent, mut line) = controller.agent_with(ONE_PLACE);
        accepted(line.ask(first.as_bytes()));
        let mut floor = Synced::new(agent.scratch().path()).expect("space");
        let requests: Vec<u8> =
            (0..AT_ONCE).flat_map(|number| request(&format!("{turn}-{number}"))).collect();
        ours.push(at_once(&mut line, &requests));
        let start = Instant::now();
        (0..AT_ONCE).for_each(|_| floor.write());
        floors.push(start.elapsed());
        line.send(CANCEL);
        line.answer();
    }
    let ratio = Ratio::of(
        ours.iter()
            .zip(&floors)
            .map(|(ours, floor)| floor.as_secs_f64() / ours.as_secs_f64())
            .collect(),
    );
    let (ours, floor) = (median(&mut ours), median(&mut floors));
    let what = format!("{AT_ONCE} tasks accepted at once : {AT_ONCE} syncs in turn, times faster");
    table::ratio(&what, &ms(ours), &ms(floor), &ratio, Bar::AtLeast(20.0));
    println!("\n(`agent.ping` over the same channel: {})", us(ping.at(50).0));
}

fn rows(what: &str, pair: &Pair, bar: Bar) {
    for (percent, bar) in [(50, bar), (99, Bar::None)] {
        let (ours, floor) = pair.at(percent);
        table::ratio(
            &format!("{what}, p{percent}"),
            &us(ours),
            &us(floor),
            &pair.ratio(percent),
            bar,
        );
    }
}

fn at_once(line: &mut Line, requests: &[u8]) -> Duration {
    let start = Instant::now();
    line.send(requests);
    let mut answers = Vec::with_capacity(AT_ONCE);
    while answers.len() < AT_ONCE {
        answers.extend(line.answers());
    }
    let took = start.elapsed();
    line.settled();
    answers.iter().for_each(|answer| accepted(answer));
    took
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
