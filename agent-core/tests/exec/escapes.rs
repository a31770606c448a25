//! Ten tricks to survive a time-out. None works: no process is left when the outcome comes.

use crate::support::{DEADLINE, executors, is_root, processes, run, spec, state};
use agent_core::exec::{CommandEnd, ExecSettings, Executor, Spec, Trees};
use std::fs;
use std::time::{Duration, Instant};

/// The time-out of each command; its trick is in place by then.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The promised time from the time-out to the outcome, with the default grace of 2 s.
const PROMISE: Duration = Duration::from_secs(3);
/// The forks per second that count as a fork bomb.
const BOMB: u64 = 1_000;

/// Its name, the script, and how many may run at once on a small machine. The environment says
/// where this test binary is (`SELF`), which plays the tracer.
const TRICKS: [(&str, &str, usize); 10] = [
    (
        "double fork and setsid",
        "(setsid bash -c 'trap \"\" TERM HUP; sleep 1000 & sleep 1000; sleep 1000' &); sleep 1000",
        25,
    ),
    (
        "closed output",
        "exec <&- >&- 2>&-; setsid sleep 1000 & trap '' TERM; sleep 1000; sleep 1000",
        25,
    ),
    (
        "pipe-holding grandchild",
        "bash -c '(trap \"\" TERM HUP; setsid sleep 1000 &)'; sleep 1000",
        25,
    ),
    ("ignores TERM", "trap '' TERM HUP INT QUIT; sleep 1000 & sleep 1000; sleep 1000", 25),
    (
        "fork bomb",
        "trap '' TERM; bomb() { while :; do : & : & : & : & : & : & : & sleep 0.3 & sleep 0.004; done; }; bomb & bomb & bomb",
        2,
    ),
    ("stopped", "trap '' TERM; sleep 1000 & kill -STOP $!; kill -STOP $$; sleep 1000", 25),
    (
        "ptraced",
        "trap '' TERM; ROLE=tracer exec \"$SELF\" --exact roles::agent_process --ignored --nocapture",
        25,
    ),
    (
        "another user",
        "trap '' TERM; as='setpriv --reuid 65534 --regid 65534 --clear-groups'; $as setsid sleep 1000 & $as bash -c 'sleep 1000; sleep 1000'; sleep 1000",
        25,
    ),
    (
        "another name",
        "trap '' TERM; printf 'x) S 1 (' >/proc/$$/comm; (exec -a '[kworker/0:1]' bash -c 'printf \"a b) R 1 1\" >/proc/$$/comm; sleep 1000; sleep 1000') & sleep 1000; sleep 1000",
        25,
    ),
    (
        "born again at TERM",
        r#"export AGAIN='trap "(setsid bash -c \"\$AGAIN\" &) ; exit" TERM; while :; do sleep 0.05; done'; bash -c "$AGAIN" & trap 'bash -c "$AGAIN"' TERM; wait"#,
        25,
    ),
];

/// The result of several runs of a trick.
#[derive(Default)]
struct Toll {
    /// Runs whose trick was in place before the time-out; on a busy machine, some are not.
    in_place: usize,
    left: usize,
    /// The longest time from the time-out to the outcome.
    slowest: Duration,
    forks: u64,
}

/// Returns the processes with this word in their environment, which every descendant inherits;
/// zombies have no environment.
fn marked(mark: &str) -> Vec<i32> {
    let has = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            && state(*pid).is_some_and(|(state, _)| state != 'Z')
    };
    processes().into_iter().filter(has).collect()
}

/// Counts the marked processes, on another thread than the executor's.
async fn count_marked(mark: &str) -> usize {
    let mark = format!("ESCAPES={mark}");
    tokio::task::spawn_blocking(move || marked(&mark).len()).await.unwrap()
}

/// Returns the number of forks on this host since its boot.
fn forks() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    stat.lines().find_map(|line| line.strip_prefix("processes ")).unwrap().parse().unwrap()
}

async fn once(executor: Executor, script: &'static str, mark: String) -> Toll {
    let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let env = vec![("ESCAPES".into(), mark.clone()), ("SELF".into(), own)];
    let (begin, before) = (Instant::now(), forks());
    let escape = Spec { timeout: Some(TIMEOUT), env, ..spec(script) };
    let running = tokio::spawn(async move { run(&executor, escape).await.unwrap() });
    tokio::time::sleep(TIMEOUT - Duration::from_millis(100)).await;
    let forks = forks() - before;
    let in_place = usize::from(count_marked(&mark).await > 0);
    let outcome = running.await.unwrap();
    assert_eq!(outcome.end, CommandEnd::TimedOut, "{script}");
    let slowest = begin.elapsed().saturating_sub(TIMEOUT);
    Toll { in_place, left: count_marked(&mark).await, slowest, forks }
}

async fn tally(trees: Trees, executor: &Executor, number: usize, runs: usize) -> Toll {
    let (name, script, at_once) = TRICKS[number];
    let mut toll = Toll { forks: u64::MAX, ..Toll::default() };
    let mut begun = 0;
    while toll.in_place < runs {
        assert!(begun < 20 * runs, "{name}: its trick is not in place");
        let several: Vec<_> = (begun..begun + at_once.min(runs - toll.in_place))
            .map(|run| {
                let mark = format!("{}.{trees:?}.{number}.{run}", std::process::id());
                tokio::spawn(once(executor.clone(), script, mark))
            })
            .collect();
        begun += several.len();
        for one in several {
            let one = one.await.unwrap();
            toll.in_place += one.in_place;
            toll.left += one.left;
            toll.slowest = toll.slowest.max(one.slowest);
            toll.forks = toll.forks.min(one.forks);
        }
    }
    println!(
        "{trees:?}, {name}: {runs} runs, {} left, at most {} ms from the time-out to the outcome, at least {} forks before it",
        toll.left,
        toll.slowest.as_millis(),
        toll.forks,
    );
    toll
}

fn applies(name: &str) -> bool {
    is_root() || name != "another user"
}

#[tokio::test]
async fn no_trick_survives_a_time_out() {
    for (trees, executor) in executors(&ExecSettings::default()) {
        // The bomb alone, the others together.
        let (bombs, others): (Vec<_>, Vec<_>) = (0..TRICKS.len())
            .filter(|number| applies(TRICKS[*number].0))
            .partition(|number| TRICKS[*number].0 == "fork bomb");
        let all: Vec<_> = others
            .into_iter()
            .map(|number| {
                let executor = executor.clone();
                tokio::spawn(async move { (number, tally(trees, &executor, number, 2).await) })
            })
            .collect();
        let mut tolls = Vec::new();
        for one in all {
            tolls.push(one.await.unwrap());
        }
        for bomb in bombs {
            tolls.push((bomb, tally(trees, &executor, bomb, 1).await));
        }
        for (number, toll) in tolls {
            assert_eq!(toll.left, 0, "{trees:?}: {}", TRICKS[number].0);
            assert!(toll.slowest < DEADLINE, "{trees:?}: {}", TRICKS[number].0);
        }
        executor.shutdown().await;
    }
}

/// `cargo test -p agent-core --test exec -- --ignored --nocapture a_hundred_runs`
#[tokio::test]
#[ignore = "a measurement of some minutes, not a test"]
async fn a_hundred_runs_of_each_trick() {
    let mut tolls = Vec::new();
    for (trees, executor) in executors(&ExecSettings::default()) {
        for (number, (name, ..)) in TRICKS.iter().enumerate().filter(|(_, trick)| applies(trick.0))
        {
            tolls.push((trees, *name, tally(trees, &executor, number, 100).await));
        }
        executor.shutdown().await;
    }
    for (trees, name, toll) in tolls {
        assert_eq!(toll.left, 0, "{trees:?}: {name}");
        assert!(toll.slowest < PROMISE, "{trees:?}: {name}: {:?}", toll.slowest);
        assert!(
            name != "fork bomb" || toll.forks >= BOMB * 9 / 10,
            "{trees:?}: {} forks",
            toll.forks
        );
    }
}
