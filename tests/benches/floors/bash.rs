//! Compares `sync.bash` of `true` with tokio's own process type, over the same TLS and with the
//! same shell.

use crate::line::Line;
use crate::peers::Controller;
use crate::sample::{Pair, Ratio, ms, take_turns};
use crate::table::{self, Bar};
use e2e::Agent;
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

/// Requests to each side, one after the other.
const REQUESTS: usize = 2_500;

/// Requests in flight for the rate.
const IN_FLIGHT: usize = 8;

/// Requests to each side in one turn of the rate, and the number of turns.
const RATE_REQUESTS: usize = 400;
const RATE_TURNS: usize = 7;

/// Requests whose output fills the agent's heap, and the bytes of output of each.
const PARKED: usize = 8;
const PARKED_BYTES: usize = 14 << 20;

/// The least memory of the agent that holds this output, in bytes.
const HEAP: u64 = 100 << 20;

fn request(id: usize, user: Option<&str>) -> Vec<u8> {
    let mut request = json!({"id": id.to_string(), "method": "sync.bash", "cmd": "true"});
    if let Some(user) = user {
        request["user"] = user.into();
    }
    format!("{request}\n").into_bytes()
}

fn succeeded(answer: &[u8]) {
    assert!(
        answer.windows(9).any(|part| part == b"\"success\""),
        "{}",
        String::from_utf8_lossy(answer)
    );
}

/// Measures commands as the agent's own user, as another user, and with a large heap.
pub(crate) fn run() {
    let controller = Controller::new();
    let (agent, mut ours) = controller.agent(Vec::new());
    table::ratios();
    let (_floor, mut floor) = controller.floor("bash", &[]);
    let name = if nix::unistd::geteuid().is_root() { "root" } else { "the agent's user" };
    both(name, &mut ours, &mut floor, None);
    match nix::unistd::User::from_name("nobody").ok().flatten() {
        Some(user) if nix::unistd::geteuid().is_root() => {
            let ids = [user.uid.to_string(), user.gid.to_string()];
            let (_floor, mut floor) = controller.floor("bash", &[&ids[0], &ids[1]]);
            both("nobody", &mut ours, &mut floor, Some("nobody"));
        }
        _ => eprintln!("SKIPPED (needs root): another user"),
    }
    large_heap(&controller, &agent, &mut ours);
}

fn sequential(ours: &mut Line, floor: &mut Line, user: Option<&str>) -> Pair {
    // The floor ignores the request's user; its command line sets the user.
    let request = request(0, user);
    let (mut ask_ours, mut ask_floor) =
        (|| succeeded(ours.ask(&request)), || succeeded(floor.ask(&request)));
    take_turns(100, &mut ask_ours, &mut ask_floor);
    take_turns(REQUESTS, ask_ours, ask_floor)
}

fn both(name: &str, ours: &mut Line, floor: &mut Line, user: Option<&str>) {
    let pair = sequential(ours, floor, user);
    for (percent, bar) in [(50, 1.15), (99, 1.5)] {
        let (a, b) = pair.at(percent);
        let what = format!("`sync.bash` true as {name}, p{percent}");
        table::ratio(&what, &ms(a), &ms(b), &pair.ratio(percent), Bar::AtMost(bar));
    }
    let (mut rates_ours, mut rates_floor) = (Vec::new(), Vec::new());
    for turn in 0..RATE_TURNS {
        if turn % 2 == 0 {
            rates_ours.push(rate(ours, user));
            rates_floor.push(rate(floor, user));
        } else {
            rates_floor.push(rate(floor, user));
            rates_ours.push(rate(ours, user));
        }
    }
    let ratio = Ratio::of(rates_ours.iter().zip(&rates_floor).map(|(a, b)| a / b).collect());
    let per_second = |rates: Vec<f64>| format!("{:.0}/s", Ratio::of(rates).median);
    let what = format!("`sync.bash` true as {name}, {IN_FLIGHT} in flight");
    table::ratio(
        &what,
        &per_second(rates_ours),
        &per_second(rates_floor),
        &ratio,
        Bar::AtLeast(0.9),
    );
}

/// Returns the requests per second while [`IN_FLIGHT`] are always in flight.
fn rate(line: &mut Line, user: Option<&str>) -> f64 {
    let requests: Vec<_> = (0..IN_FLIGHT).map(|id| request(id, user)).collect();
    let start = Instant::now();
    line.send(&requests.concat());
    let (mut sent, mut answered) = (IN_FLIGHT, 0);
    while answered < RATE_REQUESTS {
        for answer in line.answers() {
            succeeded(&answer);
            answered += 1;
            if sent < RATE_REQUESTS {
                // {"id":"N": the next request can use this id.
                line.send(&requests[usize::from(answer[7] - b'0')]);
                sent += 1;
            }
        }
    }
    line.settled();
    answered as f64 / start.elapsed().as_secs_f64()
}

/// Compares a second agent, which holds the output of unfinished requests, with the first.
fn large_heap(controller: &Controller, small: &Agent, ours: &mut Line) {
    let (large, mut line) = controller.agent(Vec::new());
    for number in 0..PARKED {
        let cmd = format!("head -c {PARKED_BYTES} /dev/zero | tr '\\0' x; sleep 120");
        let id = format!("parked{number}");
        let request = json!({"id": id, "method": "sync.bash", "cmd": cmd, "max_output": 16 << 20});
        line.send(format!("{request}\n").as_bytes());
    }
    let end = Instant::now() + Duration::from_secs(20);
    while rss(&large) < HEAP {
        assert!(Instant::now() < end, "the heap does not grow: {} bytes", rss(&large));
        std::thread::sleep(Duration::from_millis(20));
    }
    let pair = sequential(&mut line, ours, None);
    for (percent, bar) in [(50, Bar::AtMost(1.1)), (99, Bar::None)] {
        let (a, b) = pair.at(percent);
        let sizes = [rss(&large), rss(small)].map(|bytes| bytes / 1_000_000);
        let what = format!(
            "`sync.bash` true, agent of {} MB : agent of {} MB, p{percent}",
            sizes[0], sizes[1]
        );
        table::ratio(&what, &ms(a), &ms(b), &pair.ratio(percent), bar);
    }
    for number in 0..PARKED {
        let request =
            json!({"id": "cancel", "method": "sync.cancel", "target": format!("parked{number}")});
        line.send(format!("{request}\n").as_bytes());
        line.answer();
    }
}

fn rss(agent: &Agent) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("our process");
    let rss =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a field of /proc");
    rss.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}
