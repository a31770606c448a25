//! The costs of scheduled jobs: many that are not due, and a hundred that are due each second,
//! compared with the barest program, which only starts the same hundred commands each second, one
//! after the other.

#![expect(clippy::disallowed_methods, reason = "the barest program starts its commands itself")]

use crate::idle::{Look, field, megabytes, tree};
use crate::line::Line;
use crate::peers::Controller;
use crate::table::{self, Bar};
use serde_json::{Value, json};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The number of loaded jobs, and the number of requests sent at once.
const JOBS: usize = 100_000;
const AT_ONCE: usize = 500;

/// The number of jobs due each second, and the number of measured seconds.
const A_SECOND: usize = 100;
const SECONDS: usize = 30;

/// The time after which the journal's thread has exited and memory of finished work is released.
const SETTLE: Duration = Duration::from_secs(20);

/// The time between two looks at wake-ups.
const WATCH: Duration = Duration::from_secs(60);

fn rss(pid: u32) -> f64 {
    megabytes(Look::at(&[pid]).rss)
}

/// Returns a process's peak resident size, in megabytes.
fn peak(pid: u32) -> f64 {
    megabytes(field(
        &fs::read_to_string(format!("/proc/{pid}/status")).expect("our process"),
        "VmHWM:",
    ))
}

/// Returns a request for a job as fleets have them: with various expressions, zones and commands.
fn job(number: usize) -> Vec<u8> {
    let (minute, hour, day) = (number % 60, number / 60 % 24, number / 1440 % 28 + 1);
    let schedule = match number % 4 {
        0 => format!("0 {minute} {hour} {day} 1 *"),
        1 => format!("{minute} 30 {hour} 1 {} ?", day % 3 + 1),
        2 => format!("0 {minute} {hour} ? 2 MON#{}", day % 4 + 1),
        _ => format!("CRON_TZ=Europe/Berlin 0 {minute} {hour} LW 3 ?"),
    };
    let request = json!({"id": format!("job-{number}"), "method": "cron.set", "name": format!("fleet-job-{number}"),
        "schedule": schedule, "cmd": format!("/usr/local/bin/backup --volume data-{number} --quiet"), "timeout": 600});
    format!("{request}\n").into_bytes()
}

fn success(answer: &[u8]) {
    assert!(
        answer.windows(9).any(|part| part == b"\"success\""),
        "{}",
        String::from_utf8_lossy(answer)
    );
}

pub(crate) fn loaded() {
    table::figures();
    let controller = Controller::new();
    let (mut agent, mut line) = controller.agent_with("");
    std::thread::sleep(SETTLE);
    let before = rss(agent.pid());
    let start = Instant::now();
    for first in (0..JOBS).step_by(AT_ONCE) {
        line.send(&(first..first + AT_ONCE).flat_map(job).collect::<Vec<u8>>());
        let mut answers = 0;
        while answers < AT_ONCE {
            for answer in line.answers() {
                success(&answer);
                answers += 1;
            }
        }
    }
    table::figure(&format!("{JOBS} jobs set"), start.elapsed().as_secs_f64(), "s", Bar::None);
    let most = peak(agent.pid());
    std::thread::sleep(SETTLE);
    table::figure(
        &format!("{JOBS} jobs, RSS more"),
        rss(agent.pid()) - before,
        "MB",
        Bar::AtMost(60.0),
    );
    table::figure("– at most meanwhile", most - before, "MB", Bar::None);
    drop(line);
    agent.restart();
    let _line = controller.again();
    std::thread::sleep(SETTLE);
    table::figure("– after a restart", rss(agent.pid()) - before, "MB", Bar::AtMost(60.0));
    table::figure("– at most meanwhile", peak(agent.pid()) - before, "MB", Bar::None);
    let pids = tree(agent.pid());
    let look = Look::at(&pids);
    std::thread::sleep(WATCH);
    let later = Look::at(&pids);
    let wakes = (later.switches - look.switches) as f64;
    table::figure("– wake-ups in a minute, all processes", wakes, "", Bar::AtMost(0.0));
}

/// Returns the milliseconds since 1970 of an RFC 3339 time.
fn instant(text: &str) -> i64 {
    let time = chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339");
    time.timestamp_millis()
}

/// Receives and acknowledges results until `wanted` have arrived. Passes each to `look`.
fn take(line: &mut Line, wanted: usize, mut look: impl FnMut(&Value)) {
    let mut taken = 0;
    while taken < wanted {
        let mut acks = Vec::new();
        for message in line.answers() {
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            if message["method"] == "cron.result" {
                assert_eq!(message["resp"], "success", "{message}");
                look(&message);
                taken += 1;
                let ack = json!({"id": format!("ack-{}", message["id"]), "method": "async.ack", "task": message["id"]});
                acks.extend(format!("{ack}\n").into_bytes());
            }
        }
        if !acks.is_empty() {
            line.send(&acks);
        }
    }
}

pub(crate) fn due() {
    table::figures();
    let controller = Controller::new();
    let (agent, mut line) = controller.agent_with("");
    for number in 0..A_SECOND {
        let request = json!({"id": format!("set-{number}"), "method": "cron.set", "name": format!("tick-{number}"),
            "schedule": "* * * * * *", "cmd": ":", "overlap": "allow"});
        line.send(format!("{request}\n").as_bytes());
    }
    // The first runs start threads, so they are not measured.
    take(&mut line, 3 * A_SECOND, |_| {});
    let pids = tree(agent.pid());
    let (daemon, others) = pids.split_at(1);
    let daemon_before = Look::at(daemon);
    let others_before = Look::at(others);
    let start = Instant::now();
    let mut late = Vec::with_capacity(SECONDS * A_SECOND);
    take(&mut line, SECONDS * A_SECOND, |result| {
        let due = instant(result["due"].as_str().expect("due"));
        let started = instant(result["started"].as_str().expect("started"));
        late.push((started - due) as f64);
    });
    let took = start.elapsed().as_secs_f64();
    let percent = |cpu: u64| cpu as f64 / 1e7 / took;
    let daemon_cpu = percent(Look::at(daemon).cpu - daemon_before.cpu);
    let others_cpu = percent(Look::at(others).cpu - others_before.cpu);
    drop(line);
    drop(agent);
    let (floor_cpu, mut floor_late) = barest();
    late.sort_unstable_by(f64::total_cmp);
    floor_late.sort_unstable_by(f64::total_cmp);
    let rate = late.len() as f64 / took;
    table::figure("jobs started a second", rate, "", Bar::None);
    table::figure(
        "– the agent's CPU, results delivered and acknowledged",
        daemon_cpu,
        "%",
        Bar::AtMost(1.0),
    );
    table::figure(
        "– the barest program's CPU, nothing kept, nothing isolated",
        floor_cpu,
        "%",
        Bar::None,
    );
    table::figure("– its helper that starts commands, CPU", others_cpu, "%", Bar::None);
    table::figure(
        "– start after the second it was due, p50",
        late[late.len() / 2],
        "ms",
        Bar::None,
    );
    table::figure("– p99", late[late.len() * 99 / 100], "ms", Bar::AtMost(20.0));
    table::figure("– p50 of the barest program", floor_late[floor_late.len() / 2], "ms", Bar::None);
    table::figure(
        "– p99 of the barest program",
        floor_late[floor_late.len() * 99 / 100],
        "ms",
        Bar::None,
    );
}

/// Runs the barest program. Returns its CPU use in percent, and the delay of each start in
/// milliseconds.
fn barest() -> (f64, Vec<f64>) {
    let since_epoch = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let pid = [std::process::id()];
    let (before, start) = (Look::at(&pid).cpu, Instant::now());
    let mut late = Vec::with_capacity(SECONDS * A_SECOND);
    for _ in 0..SECONDS {
        let part = Duration::from_nanos(since_epoch().subsec_nanos().into());
        std::thread::sleep(Duration::from_secs(1) - part);
        let mut children: Vec<Child> = (0..A_SECOND)
            .map(|_| {
                let mut command = Command::new("/bin/bash");
                let child =
                    command.args(["-c", ":"]).stdin(Stdio::null()).spawn().expect("bash starts");
                late.push(f64::from(since_epoch().subsec_micros()) / 1e3);
                child
            })
            .collect();
        children
            .iter_mut()
            .for_each(|child| assert!(child.wait().is_ok_and(|status| status.success())));
    }
    ((Look::at(&pid).cpu - before) as f64 / 1e7 / start.elapsed().as_secs_f64(), late)
}
