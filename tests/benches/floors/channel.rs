//! Small requests over the open channel, beside a TLS peer that only answers lines of the same size.

use crate::line::Line;
use crate::peers::Controller;
use crate::sample::{Ratio, take_turns, us};
use crate::table::{self, Bar};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// Requests to each, one after the other.
const REQUESTS: usize = 10_000;

/// Requests in flight for the rate.
const DEPTH: usize = 32;

/// One turn of the rate, and turns.
const WINDOW: Duration = Duration::from_millis(300);
const TURNS: usize = 9;

const PING: &[u8] = b"{\"id\":\"ping-1\",\"method\":\"agent.ping\"}\n";
const KERNEL: &[u8] = b"{\"id\":\"kernel-1\",\"method\":\"getinfo.kernel\"}\n";

/// `agent.ping`, `getinfo.kernel`, and pings a second. The peers have one CPU and the bench the other: two ends on the same
/// one answer three times as fast, and which it is would be chance.
pub(crate) fn run() {
    let controller = Controller::new();
    let (agent, mut ours) = controller.agent(Vec::new());
    // Before its first plugin call, so that the plugin's worker inherits it.
    pin(agent.pid(), 1);
    let ping = ours.ask(PING).len();
    let kernel = ours.ask(KERNEL).len();
    let (floor_of_ping, mut echo_ping) = controller.floor("answer", &[&ping.to_string()]);
    let (floor_of_kernel, mut echo_kernel) = controller.floor("answer", &[&kernel.to_string()]);
    pin(floor_of_ping.pid(), 1);
    pin(floor_of_kernel.pid(), 1);
    pin(0, 0);

    table::ratios();
    latency(&format!("`agent.ping`, {ping} bytes"), PING, &mut ours, &mut echo_ping, 1.5);
    latency(&format!("`getinfo.kernel`, warm, {kernel} bytes"), KERNEL, &mut ours, &mut echo_kernel, 2.0);

    let (mut rates_ours, mut rates_floor) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        rates_ours.push(rate(&mut ours));
        rates_floor.push(rate(&mut echo_ping));
    }
    let ratio = Ratio::of(rates_ours.iter().zip(&rates_floor).map(|(a, b)| a / b).collect());
    let (rate_ours, rate_floor) = (Ratio::of(rates_ours).median, Ratio::of(rates_floor).median);
    let shown = |rate: f64| format!("{:.0}/s", rate);
    let what = format!("`agent.ping`, {DEPTH} in flight");
    table::ratio(&what, &shown(rate_ours), &shown(rate_floor), &ratio, Bar::None);
    println!();
    table::figures();
    table::figure(&what, rate_ours.round(), "/s", Bar::AtLeast(150_000.0));
    pin_free();
}

fn latency(what: &str, request: &[u8], ours: &mut Line, floor: &mut Line, bar: f64) {
    let mut ask_ours = || {
        ours.ask(request);
    };
    let mut ask_floor = || {
        floor.ask(request);
    };
    take_turns(500, &mut ask_ours, &mut ask_floor);
    let pair = take_turns(REQUESTS, ask_ours, ask_floor);
    for (percent, bar) in [(50, Bar::AtMost(bar)), (99, Bar::None)] {
        let (a, b) = pair.at(percent);
        table::ratio(&format!("{what}, p{percent}"), &us(a), &us(b), &pair.ratio(percent), bar);
    }
}

/// Answers a second with [`DEPTH`] always asked for. What has been answered is asked for again in one write.
fn rate(line: &mut Line) -> f64 {
    let requests = PING.repeat(DEPTH);
    let start = Instant::now();
    line.send(&requests);
    let (mut answered, mut in_flight) = (0, DEPTH);
    while in_flight > 0 {
        let count = line.count_answers();
        answered += count;
        in_flight -= count;
        if start.elapsed() < WINDOW {
            line.send(&requests[..count * PING.len()]);
            in_flight += count;
        }
    }
    answered as f64 / start.elapsed().as_secs_f64()
}

/// Keeps a process's main thread on one CPU; pid 0 is the bench itself. On a single CPU nothing is changed.
fn pin(pid: u32, cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).expect("a small number");
    let _ = sched_setaffinity(Pid::from_raw(i32::try_from(pid).expect("a pid")), &set);
}

fn pin_free() {
    let mut set = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        set.set(cpu).expect("within the set");
    }
    let _ = sched_setaffinity(Pid::from_raw(0), &set);
}
