//! The costs of an idle agent.

use crate::peers::Controller;
use crate::table::{self, Bar};
use e2e::{binary, processes_with};
use std::fs;
use std::time::Duration;

/// The time from the connection to the first look: by then, the idle threads that start-up left
/// behind have exited.
const SETTLE: Duration = Duration::from_secs(10);

/// The time between the two looks at wake-ups and CPU time.
const WATCH: Duration = Duration::from_secs(30);

/// The resources of some processes at one moment.
#[derive(Default)]
pub(crate) struct Look {
    pub(crate) rss: u64,
    pss: u64,
    threads: u64,
    pub(crate) switches: u64,
    /// Nanoseconds on a CPU.
    pub(crate) cpu: u64,
}

impl Look {
    pub(crate) fn at(pids: &[u32]) -> Self {
        let mut all = Self::default();
        for pid in pids {
            let rollup =
                fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("our process");
            all.rss += field(&rollup, "Rss:");
            all.pss += field(&rollup, "Pss:");
            for task in fs::read_dir(format!("/proc/{pid}/task")).expect("our process") {
                let task = task.expect("our process").path();
                let Ok(status) = fs::read_to_string(task.join("status")) else { continue };
                all.threads += 1;
                all.switches += field(&status, "voluntary_ctxt_switches:");
                all.switches += field(&status, "nonvoluntary_ctxt_switches:");
                let times = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
                all.cpu +=
                    times.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        all
    }
}

/// Returns the number that follows a name at the start of a line.
pub(crate) fn field(text: &str, name: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field of /proc");
    rest.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

/// Returns the ids of a process and its descendants.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let all = processes_with("");
    let mut pids = vec![root];
    let mut next = 0;
    while let Some(&pid) = pids.get(next) {
        pids.extend(all.iter().filter(|process| process.parent == pid).map(|process| process.pid));
        next += 1;
    }
    pids
}

pub(crate) fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 * 1024.0 / 1e6
}

/// Measures memory, threads and wake-ups of the agent under boot, of the agent alone, and of the
/// floor.
pub(crate) fn run() {
    let controller = Controller::new();
    table::figures();
    let bytes_of_floor = ["64"];
    let (floor, _floor_line) = controller.floor("answer", &bytes_of_floor);
    {
        // boot passes the rest of its command line to its agent; the harness puts the agent's path
        // first.
        let script = format!("shift; exec '{}' -f -- \"$@\"", binary("boot").display());
        let (boot, _line) =
            controller.agent(["sh", "-c", &script, "sh"].map(str::to_owned).to_vec());
        std::thread::sleep(SETTLE);
        let pids = tree(boot.pid());
        let daemon = pids[1];
        let look = Look::at(&pids);
        let floor_look = Look::at(&[floor.pid()]);
        table::figure("daemon, RSS", megabytes(Look::at(&[daemon]).rss), "MB", Bar::AtMost(4.5));
        table::figure("daemon, threads", Look::at(&[daemon]).threads as f64, "", Bar::AtMost(2.0));
        let what = format!("all {} processes under boot, PSS", pids.len());
        table::figure(&what, megabytes(look.pss), "MB", Bar::AtMost(4.0));
        for pid in &pids {
            let name = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = name.split('\0');
            let first = words
                .next()
                .and_then(|word| word.rsplit('/').next())
                .unwrap_or_default()
                .to_owned();
            let what = format!("– {first} {}, PSS", words.next().unwrap_or_default());
            table::figure(&what, megabytes(Look::at(&[*pid]).pss), "MB", Bar::None);
        }
        table::figure("floor, RSS", megabytes(floor_look.rss), "MB", Bar::None);
        table::figure("floor, PSS", megabytes(floor_look.pss), "MB", Bar::None);
        std::thread::sleep(WATCH);
        let later = Look::at(&pids);
        let switches = (later.switches - look.switches) as f64;
        table::figure("all processes, wake-ups in 30 s", switches, "", Bar::AtMost(0.0));
        let cpu = (later.cpu - look.cpu) as f64 / 1e6;
        table::figure("all processes, CPU in 30 s", cpu, "ms", Bar::AtMost(0.5));
        let floor_switches = (Look::at(&[floor.pid()]).switches - floor_look.switches) as f64;
        table::figure("floor, wake-ups in 30 s", floor_switches, "", Bar::None);
        assert_eq!(tree(boot.pid()), pids, "a process started or exited");
    }
    let (agent, _line) = controller.agent(Vec::new());
    std::thread::sleep(SETTLE);
    let pids = tree(agent.pid());
    let what = format!("all {} processes without boot, PSS", pids.len());
    table::figure(&what, megabytes(Look::at(&pids).pss), "MB", Bar::AtMost(4.0));
}
