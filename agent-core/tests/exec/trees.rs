//! Time-out, cancellation and shutdown leave no process of the tree.

use crate::support::{DEADLINE, Marker, eventually, executors, run, spec};
use agent_core::exec::{CommandEnd, ExecSettings, Spec, StartError};
use std::future;
use std::time::{Duration, Instant};

const SCRIPTS: [(&str, &str); 8] = [
    ("plain", "echo begun; sleep MARK"),
    ("closed output, own session", "echo begun; setsid sleep MARK & exec >&- 2>&-; sleep MARK"),
    ("double fork", "echo begun; (setsid bash -c 'sleep MARK & exec sleep MARK' &) ; sleep MARK"),
    ("orphan of an ended shell", "echo begun; bash -c '(setsid sleep MARK &)'; sleep MARK"),
    (
        "ignores TERM",
        "trap '' TERM; echo begun; setsid sleep MARK & sleep MARK; sleep MARK; sleep MARK",
    ),
    ("stopped child", "echo begun; sleep MARK & kill -STOP $!; sleep MARK"),
    ("stopped shell", "echo begun; sleep MARK & kill -STOP $$"),
    ("many", "echo begun; for ((i = 0; i < 200; i++)); do setsid sleep MARK & done; wait"),
];

fn settings() -> ExecSettings {
    ExecSettings { grace: Duration::from_millis(300), ..ExecSettings::default() }
}

/// Returns time-outs, each twice as long as the one before: on a busy machine, the first may come
/// before the command has printed anything.
fn timeouts(milliseconds: u64) -> impl Iterator<Item = Duration> {
    let first = Duration::from_millis(milliseconds);
    std::iter::successors(Some(first), |last| (*last < DEADLINE).then(|| *last * 2))
}

#[tokio::test]
async fn a_time_out_leaves_no_process_and_the_outcome_has_the_output_so_far() {
    for (trees, executor) in executors(&settings()) {
        for (name, script) in SCRIPTS {
            for timeout in timeouts(400) {
                let marker = Marker::new();
                let asked = Spec { timeout: Some(timeout), ..spec(&marker.script(script)) };
                let outcome = run(&executor, asked).await.unwrap();
                assert_eq!(outcome.end, CommandEnd::TimedOut, "{trees:?}: {name}");
                assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{trees:?}: {name}");
                let stdout = outcome.stdout.bytes;
                if stdout == b"begun\n" {
                    break;
                }
                let too_early = stdout.is_empty() && timeout < DEADLINE;
                assert!(too_early, "{trees:?}: {name}: {stdout:?} after {timeout:?}");
            }
        }
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_tree_that_ends_on_sigterm_has_its_outcome_before_the_grace_is_over() {
    let grace = Duration::from_secs(60);
    for (trees, executor) in executors(&ExecSettings { grace, ..ExecSettings::default() }) {
        let cmd = "trap 'echo bye; exit 0' TERM; echo begun; sleep 100 & wait";
        for timeout in timeouts(200) {
            let start = Instant::now();
            let asked = Spec { timeout: Some(timeout), ..spec(cmd) };
            let outcome = run(&executor, asked).await.unwrap();
            assert_eq!(outcome.end, CommandEnd::TimedOut, "{trees:?}");
            assert!(start.elapsed() < timeout + grace / 2, "{trees:?}");
            let stdout = outcome.stdout.bytes;
            if stdout == b"begun\nbye\n" {
                break;
            }
            let too_early = !stdout.starts_with(b"begun\n") && timeout < DEADLINE;
            assert!(too_early, "{trees:?}: {stdout:?} after {timeout:?}");
        }
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn processes_born_while_the_tree_is_killed_do_not_survive_it() {
    for (trees, executor) in
        executors(&ExecSettings { grace: Duration::from_millis(50), ..ExecSettings::default() })
    {
        let marker = Marker::new();
        let script =
            marker.script("trap '' TERM; while :; do setsid sleep MARK & sleep 0.01; done");
        let timeout = Some(Duration::from_millis(300));
        let outcome = run(&executor, Spec { timeout, ..spec(&script) }).await.unwrap();
        assert_eq!(outcome.end, CommandEnd::TimedOut, "{trees:?}");
        assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{trees:?}");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn cancelling_a_run_ends_its_tree_and_so_does_dropping_it() {
    for (trees, executor) in executors(&settings()) {
        let marker = Marker::new();
        let script = marker.script("setsid sleep MARK & sleep MARK");
        let both_sleep = eventually("both sleep", || marker.sleepers().len() == 2);
        let outcome = executor.run(spec(&script), both_sleep).await.unwrap();
        assert_eq!((outcome.end, marker.sleepers()), (CommandEnd::Cancelled, vec![]), "{trees:?}");

        let running = executor.run(spec(&script), future::pending());
        tokio::select! {
            _ = running => panic!("it sleeps"),
            () = eventually("both sleep", || marker.sleepers().len() == 2) => {}
        }
        eventually("nothing is left of a dropped run", || marker.sleepers().is_empty()).await;
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn shutdown_ends_running_and_waiting_commands_and_rejects_new_ones() {
    for (trees, executor) in executors(&ExecSettings { max_running: 1, ..settings() }) {
        let marker = Marker::new();
        let script = marker.script("trap '' TERM; setsid sleep MARK & sleep MARK; sleep MARK");
        let running = run(&executor, spec(&script));
        let waiting = run(&executor, spec("true"));
        let shutdown = async {
            eventually("it runs", || marker.sleepers().len() == 2).await;
            executor.shutdown().await;
            assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{trees:?}");
        };
        let (running, waiting, ()) = tokio::join!(running, waiting, shutdown);
        assert_eq!(running.unwrap().end, CommandEnd::Cancelled, "{trees:?}");
        assert!(matches!(waiting, Err(StartError::ShuttingDown)), "{trees:?}");
        assert!(matches!(run(&executor, spec("true")).await, Err(StartError::ShuttingDown)));
    }
}
