//! Compares small requests over the open channel with a TLS peer that only replies with lines of
//! the same size.

#![expect(
    clippy::disallowed_methods,
    reason = "the process that keeps a CPU awake is not one of the agent's commands"
)]

use crate::line::Line;
use crate::peers::Controller;
use crate::sample::{Ratio, take_turns, us};
use crate::table::{self, Bar};
use e2e::processes_with;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Requests to each side, one after the other.
const REQUESTS: usize = 10_000;

/// Requests in flight for the rate.
const DEPTH: usize = 32;

/// The length of one turn of the rate, and the number of turns.
const WINDOW: Duration = Duration::from_millis(300);
const TURNS: usize = 9;

const PING: &[u8] = b"{\"id\":\"ping-1\",\"method\":\"agent.ping\"}\n";
const KERNEL: &[u8] = b"{\"id\":\"kernel-1\",\"method\":\"getinfo.kernel\"}\n";

/// The time that a plugin may add to a round trip, in microseconds.
const PLUGIN_BAR: Bar = Bar::AtMost(60.0);

/// The longest that a CPU is kept awake if the process is not killed.
const AWAKE: Duration = Duration::from_secs(120);

/// The CPUs of the two ends. Ends on one CPU reply up to three times as fast, because no process on
/// another CPU has to be woken. The scheduler would choose at random, so each case is measured.
#[derive(Clone, Copy, PartialEq)]
enum Placement {
    /// The bench has one CPU; the peers, with the agent's plugin worker, have the other. The bars
    /// of ratios apply here.
    Apart,
    /// The same, but neither CPU ever halts. This leaves out the time that the machine takes to
    /// wake a CPU, which grows with the time that the CPU slept.
    Awake,
    /// Everything on one CPU: shows the CPU time of a request.
    Together,
}

/// Measures `agent.ping`, `getinfo.kernel`, and pings per second.
pub(crate) fn run() {
    let controller = Controller::new();
    let (agent, mut ours) = controller.agent(Vec::new());
    let ping = ours.ask(PING).len();
    let kernel = ours.ask(KERNEL).len();
    let (floor_of_ping, mut echo_ping) = controller.floor("answer", &[&ping.to_string()]);
    let (floor_of_kernel, mut echo_kernel) = controller.floor("answer", &[&kernel.to_string()]);
    let workers =
        processes_with("--plugin-worker").into_iter().filter(|worker| worker.parent == agent.pid());
    let mut peers = vec![agent.pid(), floor_of_ping.pid(), floor_of_kernel.pid()];
    peers.extend(workers.map(|worker| worker.pid));

    table::ratios();
    let mut added = Vec::new();
    for (placement, cpu, name) in [
        (Placement::Apart, 1, "two CPUs"),
        (Placement::Awake, 1, "two CPUs kept awake"),
        (Placement::Together, 0, "one CPU"),
    ] {
        let _awake = (placement == Placement::Awake).then(|| [0, 1].map(keep_awake));
        pin(0, 0);
        for peer in &peers {
            pin(*peer, cpu);
        }
        let judged = |bar| if placement == Placement::Apart { bar } else { Bar::None };
        let what = format!("`agent.ping`, {ping} bytes, {name}");
        let of_ping = latency(&what, PING, &mut ours, &mut echo_ping, judged(Bar::AtMost(1.5)));
        let what = format!("`getinfo.kernel`, warm, {kernel} bytes, {name}");
        let of_kernel =
            latency(&what, KERNEL, &mut ours, &mut echo_kernel, judged(Bar::AtMost(2.0)));
        added.push((name, (of_kernel - of_ping) * 1e6));
        if placement != Placement::Awake {
            rates(name, &mut ours, &mut echo_ping, judged(Bar::AtLeast(150_000.0)));
        }
    }
    pin_free();
    table::figures();
    for (name, added) in added {
        table::figure(
            &format!("`getinfo.kernel` above `agent.ping`, {name}, p50"),
            added,
            "µs",
            PLUGIN_BAR,
        );
    }
}

/// A process that uses a CPU whenever no other process wants it; killed when dropped.
struct KeptAwake(Child);

fn keep_awake(cpu: usize) -> KeptAwake {
    let busy = format!("while ((SECONDS < {})); do :; done", AWAKE.as_secs());
    let command = ["-i", "0", "taskset", "-c", &cpu.to_string(), "bash", "-c", &busy];
    KeptAwake(Command::new("chrt").args(command).spawn().expect("chrt starts"))
}

impl Drop for KeptAwake {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rates(name: &str, ours: &mut Line, floor: &mut Line, bar: Bar) {
    let (mut of_ours, mut of_floor) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        of_ours.push(rate(ours));
        of_floor.push(rate(floor));
    }
    let ratio = Ratio::of(of_ours.iter().zip(&of_floor).map(|(a, b)| a / b).collect());
    let (ours, floor) = (Ratio::of(of_ours).median, Ratio::of(of_floor).median);
    let what = format!("`agent.ping`, {DEPTH} in flight, {name}");
    table::rates(&what, ours, floor, &ratio, bar);
}

/// Prints rows for the median and the 99th percentile. Returns our median, in seconds.
fn latency(what: &str, request: &[u8], ours: &mut Line, floor: &mut Line, bar: Bar) -> f64 {
    let mut ask_ours = || {
        ours.ask(request);
    };
    let mut ask_floor = || {
        floor.ask(request);
    };
    take_turns(500, &mut ask_ours, &mut ask_floor);
    let pair = take_turns(REQUESTS, ask_ours, ask_floor);
    for (percent, bar) in [(50, bar), (99, Bar::None)] {
        let (a, b) = pair.at(percent);
        table::ratio(&format!("{what}, p{percent}"), &us(a), &us(b), &pair.ratio(percent), bar);
    }
    pair.at(50).0.as_secs_f64()
}

/// Returns the replies per second while [`DEPTH`] requests are always in flight. One write sends a
/// new request for each reply of one read.
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

/// Pins a process's main thread to one CPU; pid 0 is the bench itself. Changes nothing on a machine
/// with a single CPU.
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
