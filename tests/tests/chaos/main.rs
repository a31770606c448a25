//! No accepted task is lost and none runs twice while agent and controller are killed at random,
//! the channel is cut, and the disk is full. `make chaos` runs this longer; a seed repeats the same
//! kills and commands (not the same timing).

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod cable;
mod client;
mod site;

use e2e::{wait_some, wait_some_within};
use serde_json::Value;
use site::Site;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The number of kills unless `BASICAGENT_CHAOS_KILLS` is set.
const KILLS: u64 = 30;

/// Threads that submit tasks.
const SUBMITTERS: u64 = 3;

/// The time after the last kill for every result to arrive.
const SETTLE: Duration = Duration::from_secs(180);

/// Repeatable randomness (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// A kind of task: its command after it has written its mark, and the expected result.
struct Kind {
    work: &'static str,
    retcode: u64,
    output: &'static str,
}

const KINDS: [Kind; 7] = [
    Kind { work: "true", retcode: 0, output: "" },
    Kind { work: "echo done", retcode: 0, output: "done\n" },
    Kind { work: "echo failed; exit 7", retcode: 7, output: "failed\n" },
    Kind { work: "sleep 0.3; echo slept", retcode: 0, output: "slept\n" },
    Kind { work: "echo half; sleep 1; echo whole", retcode: 0, output: "half\nwhole\n" },
    Kind { work: "kill -9 $$", retcode: 3032, output: "" },
    Kind { work: "setsid sleep 0.5 & echo left", retcode: 0, output: "left\n" },
];

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn mark(marks: &Path, id: &str) -> PathBuf {
    marks.join(id)
}

/// Returns how often a task was started.
fn starts(marks: &Path, id: &str) -> usize {
    std::fs::read_to_string(mark(marks, id)).unwrap_or_default().lines().count()
}

fn command(marks: &Path, id: &str, kind: &Kind) -> String {
    format!("echo {id} >> {}; {}", mark(marks, id).display(), kind.work)
}

#[test]
fn random_kills_and_cuts_lose_no_task_and_run_none_twice() {
    let kills = variable("BASICAGENT_CHAOS_KILLS").unwrap_or(KILLS);
    let seed = variable("BASICAGENT_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("{kills} kills; to repeat: BASICAGENT_CHAOS_SEED={seed}");
    let began = Instant::now();
    let mut random = Random(seed | 1);
    let mut site = Site::start(|scratch| scratch.join("state"));
    let (client, marks) = (site.client(), site.marks());
    let over = AtomicBool::new(false);
    let accepted: Mutex<HashMap<String, usize>> = Mutex::default();
    let mut agents = 0_u64;
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (client, marks, over, accepted) = (client.clone(), &marks, &over, &accepted);
            let mut random = Random(seed.wrapping_mul(31).wrapping_add(submitter) | 1);
            scope.spawn(move || {
                for number in 0.. {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let kind = usize::try_from(random.below(KINDS.len() as u64)).unwrap();
                    let id = format!("t-{submitter}-{number}");
                    let answer = client.submit(&id, &command(marks, &id, &KINDS[kind]));
                    assert_eq!(answer["resp"], "success", "{answer}");
                    accepted.lock().unwrap().insert(id, kind);
                    thread::sleep(Duration::from_millis(random.below(60)));
                }
            });
        }
        for _ in 0..kills {
            // Sometimes two kills in quick succession: the second hits a program that is
            // recovering.
            let pause =
                if random.below(4) == 0 { random.below(40) } else { 100 + random.below(700) };
            thread::sleep(Duration::from_millis(pause));
            match random.below(10) {
                0..=5 => {
                    site.kill_agent();
                    agents += 1;
                }
                6..=8 => site.kill_controller(),
                _ => {
                    site.cut();
                    site.kill_agent();
                    agents += 1;
                }
            }
        }
        over.store(true, Ordering::SeqCst);
    });
    let accepted = accepted.into_inner().unwrap();
    let mut results: HashMap<String, Vec<Value>> = HashMap::new();
    let mut after = 0;
    wait_some_within(SETTLE, "every accepted task has its result", || {
        let (more, last) = client.results(after)?;
        after = last;
        for result in more {
            results.entry(result["id"].as_str().unwrap().to_owned()).or_default().push(result);
        }
        accepted.keys().all(|id| results.contains_key(id)).then_some(())
    });

    let mut interrupted = 0;
    for (id, kind) in &accepted {
        let (kind, starts) = (&KINDS[*kind], starts(&marks, id));
        let [result] = &results[id][..] else {
            panic!("{id}: stored more than once: {:?}", results[id])
        };
        if result["retcode"] == 3035 {
            interrupted += 1;
            assert!(starts <= 1, "{id} was interrupted but ran {starts} times");
            continue;
        }
        assert_eq!(starts, 1, "{id} ran {starts} times: {result}");
        assert_eq!(result["retcode"], kind.retcode, "{id}: {result}");
        assert_eq!(result["data"].as_str().unwrap_or_default(), kind.output, "{id}: {result}");
    }
    assert_eq!(results.len(), accepted.len(), "a result of a task that was not accepted");
    // The store is readable, and every task in it has ended.
    site.kill_agent();
    let list = wait_some_within(SETTLE, "the agent replies", || {
        client.ask(&serde_json::json!({"method": "async.list", "limit": 10_000}))
    });
    for task in list["data"].as_array().unwrap() {
        assert_eq!(task["state"], "ended", "{task}");
    }
    let log = site.agent_log();
    assert!(!log.contains("damaged"), "a kill damaged the journal:\n{log}");
    eprintln!(
        "{kills} kills ({agents} of the agent), {} tasks, {interrupted} interrupted, 0 lost, 0 doubled, {:.0} s",
        accepted.len(),
        began.elapsed().as_secs_f32()
    );
}

/// Mounts a tmpfs of 1 MB that only this thread and its child processes see.
fn small_disk(at: &Path) {
    use nix::mount::{MsFlags, mount};
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("we are root");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .expect("a namespace of our own");
    std::fs::create_dir_all(at).unwrap();
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some("size=1m,mode=0700"))
        .expect("a tmpfs");
}

#[test]
fn a_full_disk_rejects_new_tasks_and_loses_no_result() {
    if !e2e::needs_root("a_full_disk_rejects_new_tasks_and_loses_no_result") {
        return;
    }
    let mut site = Site::start(|scratch| {
        let state = scratch.join("state");
        small_disk(&state);
        state
    });
    let (client, marks) = (site.client(), site.marks());
    let mut accepted = Vec::new();
    let mut submit = |id: String, work: &str| {
        let answer =
            client.submit(&id, &format!("echo {id} >> {}; {work}", mark(&marks, &id).display()));
        if answer["resp"] == "success" {
            accepted.push(id);
        }
        answer
    };
    // Long tasks first: they end while the disk is full.
    for number in 0..4 {
        assert_eq!(submit(format!("long-{number}"), "sleep 3; seq 1 100000")["resp"], "success");
    }
    let refusal = (0..)
        .map(|number| submit(format!("fill-{number}"), "head -c 40000 /dev/zero | tr '\\0' x"))
        .find(|answer| answer["resp"] != "success")
        .unwrap();
    assert_eq!(refusal["retcode"], 3043, "{refusal}");
    site.cut();
    site.kill_agent();
    let again = submit("refused".to_owned(), "true");
    assert!(matches!(again["retcode"].as_u64(), Some(0 | 3043)), "{again}");
    // Every accepted task delivers its result, and acknowledged results make room again.
    let mut results: HashMap<String, Value> = HashMap::new();
    let mut after = 0;
    wait_some_within(SETTLE, "every accepted task has its result", || {
        let (more, last) = client.results(after)?;
        after = last;
        results.extend(
            more.into_iter().map(|result| (result["id"].as_str().unwrap().to_owned(), result)),
        );
        accepted.iter().all(|id| results.contains_key(id)).then_some(())
    });
    let whole: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    for id in &accepted {
        let result = &results[id];
        if id.starts_with("fill") && result["retcode"] == 3035 {
            // The agent was killed after it recorded the intent, before the supervisor started.
            assert_eq!(starts(&marks, id), 0, "{id}: {result}");
            continue;
        }
        assert_eq!(
            (starts(&marks, id), &result["retcode"]),
            (1, &Value::from(0)),
            "{id}: {result}"
        );
        if id.starts_with("long") {
            let text = result["data"].as_str().unwrap();
            // The four compete for the remaining space: one may get none.
            assert!(whole.starts_with(text), "{id}: the kept output is not the beginning");
            let dropped = result["dropped"].as_u64().unwrap_or_default();
            assert_eq!(
                text.len() as u64 + dropped,
                whole.len() as u64,
                "{id}: discarded bytes are not counted"
            );
        }
    }
    let body = serde_json::json!({"id": "after", "method": "async.bash", "cmd": "true"});
    wait_some("there is space again without intervention", || {
        client.ask(&body).filter(|answer| answer["resp"] == "success")
    });
}
