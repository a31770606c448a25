//! The end, output and input of a command.

use crate::support::{DEADLINE, eventually, executors, output, run, spec};
use agent_core::exec::{CommandEnd, ExecSettings, FailedStep, MAX_CMD, Spec, StartError};
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_exit_status_or_signal_is_reported() {
    let table = [
        ("true", CommandEnd::Exited(0)),
        ("exit 3", CommandEnd::Exited(3)),
        ("exit 255", CommandEnd::Exited(255)),
        ("exit 127", CommandEnd::Exited(127)),
        ("no-such-program-anywhere", CommandEnd::Exited(127)),
        ("-x", CommandEnd::Exited(127)),
        ("kill -9 $$", CommandEnd::Signaled { signal: 9, core: false }),
        ("kill -TERM $$", CommandEnd::Signaled { signal: 15, core: false }),
    ];
    for (trees, executor) in executors(&ExecSettings::default()) {
        for (cmd, end) in table {
            assert_eq!(run(&executor, spec(cmd)).await.unwrap().end, end, "{cmd} {trees:?}");
        }
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn the_usage_of_a_command_is_reported() {
    for (trees, executor) in executors(&ExecSettings::default()) {
        let outcome =
            run(&executor, spec("i=0; while ((i < 50000)); do ((i++)); done")).await.unwrap();
        let usage = outcome.usage.unwrap();
        assert!(usage.user > Duration::ZERO && usage.max_rss_kib > 500, "{trees:?} {usage:?}");
        assert!(outcome.wall >= usage.user, "{trees:?}");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn the_usage_of_a_command_is_reported_however_it_was_ended() {
    let busy = "i=0; while ((i < 50000)); do ((i++)); done;";
    for (trees, executor) in
        executors(&ExecSettings { grace: Duration::from_millis(200), ..ExecSettings::default() })
    {
        for rest in ["kill -9 $$", "sleep 100", "trap '' TERM; sleep 100; sleep 100"] {
            let timeout = Some(Duration::from_secs(1));
            let outcome =
                run(&executor, Spec { timeout, ..spec(&format!("{busy} {rest}")) }).await.unwrap();
            let usage = outcome.usage.unwrap();
            assert!(
                usage.user > Duration::ZERO && usage.max_rss_kib > 500,
                "{trees:?} {rest}: {usage:?}"
            );
        }
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn output_beyond_the_bound_keeps_head_and_tail_and_counts_the_rest() {
    for (trees, executor) in executors(&ExecSettings { max_output: 20, ..ExecSettings::default() })
    {
        let outcome = run(&executor, spec("seq 100000 199999")).await.unwrap();
        assert_eq!(outcome.stdout.bytes, b"100000\n10098\n199999\n", "{trees:?}");
        assert_eq!(outcome.stdout.dropped, 700_000 - 20);
        let larger = Spec { max_output: Some(700_000), ..spec("seq 100000 199999") };
        let outcome = run(&executor, larger).await.unwrap();
        assert_eq!((outcome.stdout.bytes.len(), outcome.stdout.dropped), (700_000, 0));
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn both_streams_come_merged_in_order_or_apart() {
    for (trees, executor) in executors(&ExecSettings::default()) {
        let cmd = "echo one; echo two >&2; echo three";
        assert_eq!(output(&executor, spec(cmd)).await, "one\ntwo\nthree\n", "{trees:?}");
        let apart = run(&executor, Spec { separate_stderr: true, ..spec(cmd) }).await.unwrap();
        assert_eq!(apart.stdout.bytes, b"one\nthree\n");
        assert_eq!(apart.stderr.unwrap().bytes, b"two\n");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn bytes_that_are_not_text_arrive_unchanged() {
    for (_, executor) in executors(&ExecSettings::default()) {
        let outcome = run(&executor, spec(r"printf '\xff\x00\xc3\x28'")).await.unwrap();
        assert_eq!(outcome.stdout.bytes, [0xff, 0x00, 0xc3, 0x28]);
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn input_is_given_whole_and_is_empty_otherwise() {
    for (_, executor) in executors(&ExecSettings::default()) {
        assert_eq!(output(&executor, spec("cat; readlink /proc/self/fd/0")).await, "/dev/null\n");
        let input: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
        let given = Spec { stdin: Some(input.clone()), max_output: Some(6_000_000), ..spec("cat") };
        assert!(run(&executor, given).await.unwrap().stdout.bytes == input);
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn the_longest_command_and_environment_arrive_whole() {
    for (_, executor) in executors(&ExecSettings::default()) {
        let tail = ";echo ${#A}";
        let cmd = format!(": {}{tail}", "x".repeat(MAX_CMD - tail.len() - 2));
        let long = Spec { env: vec![("A".into(), "y".repeat(131_000))], ..spec(&cmd) };
        assert_eq!(output(&executor, long).await, "131000\n");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_background_child_that_holds_the_pipe_does_not_delay_the_outcome_and_lives_on() {
    for (trees, executor) in executors(&ExecSettings::default()) {
        let marker = crate::support::Marker::new();
        let start = Instant::now();
        let outcome = run(&executor, spec(&marker.script("sleep MARK & echo done"))).await.unwrap();
        assert_eq!(
            (outcome.end, &outcome.stdout.bytes[..]),
            (CommandEnd::Exited(0), &b"done\n"[..]),
            "{trees:?}"
        );
        assert!(start.elapsed() < DEADLINE / 2);
        // Killing another command does not kill it: it is in no other command's tree.
        let killed = Spec { timeout: Some(Duration::from_millis(50)), ..spec("sleep 100") };
        assert_eq!(run(&executor, killed).await.unwrap().end, CommandEnd::TimedOut);
        eventually("the child sleeps", || marker.sleepers().len() == 1).await;
        executor.shutdown().await;
        assert_eq!(marker.sleepers().len(), 1, "{trees:?}: shutdown leaves it alone too");
        marker.kill();
        eventually("the sleeper is gone", || marker.sleepers().is_empty()).await;
    }
}

#[tokio::test]
async fn a_shell_that_is_missing_or_not_a_program_is_a_clear_error() {
    for shell in ["/no/such/shell", "/etc/passwd"] {
        for (trees, executor) in
            executors(&ExecSettings { shell: shell.into(), ..ExecSettings::default() })
        {
            for _ in 0..2 {
                match run(&executor, spec("true")).await {
                    Err(StartError::NotStarted(step @ FailedStep { stage: "shell", .. })) => {
                        assert!(step.to_string().contains(shell), "{step}")
                    }
                    other => panic!("{trees:?}: {other:?}"),
                }
            }
            executor.shutdown().await;
        }
    }
}
