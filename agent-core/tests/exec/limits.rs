//! Limits of one command's tree: enforced, or the command is rejected.

use crate::support::{Marker, eventually, executors, is_root, output, run, spec};
use agent_core::exec::{CommandEnd, ExecSettings, FailedStep, Limits, Outcome, Spec, StartError};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NONE: Limits = Limits { memory: None, cpu: None, pids: None };

/// Returns the outcome of a command with limits; `None`, with a line that says so, where this host
/// cannot enforce the limit.
fn enforced(outcome: Result<Outcome, StartError>) -> Option<Outcome> {
    match outcome {
        Ok(outcome) => Some(outcome),
        Err(StartError::NotStarted(step @ FailedStep { stage: "limits", .. })) => {
            assert!(step.to_string().contains("cannot be limited on this host"), "{step}");
            println!("SKIPPED (needs root): {step}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// Returns our directories in the cgroup version 1 hierarchies.
fn directories() -> Vec<PathBuf> {
    fn find(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let ours = format!("basicagent.{}.", std::process::id());
                let name = entry.file_name();
                if name == "unified" || entry.path().join("cgroup.kill").exists() {
                    continue;
                }
                if name.to_str().is_some_and(|name| name.starts_with(&ours)) {
                    found.push(entry.path());
                }
                find(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    find(Path::new("/sys/fs/cgroup"), &mut found);
    found
}

#[tokio::test]
async fn a_command_over_its_memory_limit_is_killed_and_the_outcome_says_so() {
    for (trees, executor) in executors(&ExecSettings::default()) {
        let limits = Limits { memory: Some(32 << 20), ..NONE };
        let greedy =
            Spec { limits, ..spec("x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}") };
        let Some(outcome) = enforced(run(&executor, greedy).await) else { return };
        // Where the kernel kills a part of the command, its shell may survive and report it.
        assert_ne!(outcome.stdout.bytes, b"200000000\n", "{trees:?}");
        assert!(outcome.killed_for_memory, "{trees:?} {outcome:?}");
        let modest =
            Spec { limits, ..spec("x=$(head -c 1000000 /dev/zero | tr '\\0' x); echo ${#x}") };
        let outcome = run(&executor, modest).await.unwrap();
        assert_eq!(
            (outcome.end, outcome.killed_for_memory),
            (CommandEnd::Exited(0), false),
            "{trees:?}"
        );
        assert_eq!(outcome.stdout.bytes, b"1000000\n");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_command_cannot_have_more_processes_than_its_limit() {
    for (trees, executor) in
        executors(&ExecSettings { grace: Duration::from_millis(100), ..ExecSettings::default() })
    {
        let limits = Limits { pids: Some(5), ..NONE };
        let marker = Marker::new();
        let script = marker.script("for i in 1 2 3 4 5 6 7 8 9; do sleep MARK & done; echo never");
        let timeout = Some(Duration::from_secs(5));
        let running = run(&executor, Spec { limits, timeout, ..spec(&script) });
        let mut most = 0;
        let watching = async {
            loop {
                most = marker.sleepers().len().max(most);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let outcome =
            tokio::select! { outcome = running => outcome, () = watching => panic!("endless") };
        let Some(outcome) = enforced(outcome) else { return };
        assert!(most <= 4, "{trees:?}: {most} beside the shell");
        let printed = String::from_utf8(outcome.stdout.bytes).unwrap();
        assert!(printed.contains("Resource temporarily unavailable"), "{trees:?}: {printed}");
        assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{trees:?}");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_command_gets_its_share_of_a_processor_and_no_more() {
    for (trees, executor) in
        executors(&ExecSettings { grace: Duration::from_millis(100), ..ExecSettings::default() })
    {
        let limits = Limits { cpu: Some(20), ..NONE };
        let timeout = Some(Duration::from_secs(2));
        let outcome =
            run(&executor, Spec { limits, timeout, ..spec("trap '' TERM; while :; do :; done") })
                .await;
        let Some(outcome) = enforced(outcome) else { return };
        let usage = outcome.usage.unwrap();
        let share = (usage.user + usage.system).as_secs_f64() / outcome.wall.as_secs_f64();
        assert!(share < 0.3, "{trees:?}: {share}");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn all_limits_at_once_hold_for_one_command_only_and_leave_no_directory() {
    for (trees, executor) in executors(&ExecSettings::default()) {
        let limits = Limits { memory: Some(64 << 20), cpu: Some(400), pids: Some(10) };
        let all = Spec {
            limits,
            stdin: Some(b"in".to_vec()),
            separate_stderr: true,
            ..spec("cat; ls /proc/$$/fd; :")
        };
        let Some(outcome) = enforced(run(&executor, all).await) else { return };
        assert_eq!(outcome.stdout.bytes, b"in0\n1\n2\n", "{trees:?}");
        if is_root() {
            let user = Some("nobody".into());
            let outcome = run(&executor, Spec { limits, user, ..spec("id -un") }).await.unwrap();
            assert_eq!(outcome.stdout.bytes, b"nobody\n", "{trees:?}");
        }
        // The next command is not limited.
        assert_eq!(
            output(
                &executor,
                spec("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1 & done; wait; echo all")
            )
            .await,
            "all\n"
        );

        // A background child stays within the limits, which go away with it.
        let marker = Marker::new();
        run(&executor, Spec { limits, ..spec(&marker.script("sleep MARK >&- 2>&- &")) })
            .await
            .unwrap();
        eventually("it sleeps", || marker.sleepers().len() == 1).await;
        marker.kill();
        eventually("it ends", || marker.sleepers().is_empty()).await;
        run(&executor, Spec { limits, ..spec("true") }).await.unwrap();
        executor.shutdown().await;
        drop(executor);
        // Other tests of this process may run at the same time, in directories of their own.
        let holds_one = |path: &PathBuf| {
            fs::read_dir(path).into_iter().flatten().flatten().any(|entry| entry.path().is_dir())
        };
        eventually("no directory of a command is left", || !directories().iter().any(holds_one))
            .await;
    }
}
