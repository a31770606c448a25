//! Output streams to a reader, at the reader's pace.

use crate::support::{Marker, eventually, executors, spec};
use agent_core::exec::{CommandEnd, ExecSettings, MAX_PIECE, Outcome, OutputPiece, Spec};
use std::future;
use std::time::Duration;
use tokio::sync::mpsc;

fn settings() -> ExecSettings {
    ExecSettings { grace: Duration::from_millis(300), ..ExecSettings::default() }
}

/// Reads to the end; returns standard output and standard error.
async fn read(mut pieces: mpsc::Receiver<OutputPiece>) -> (Vec<u8>, Vec<u8>) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(piece) = pieces.recv().await {
        assert!((1..=MAX_PIECE).contains(&piece.bytes.len()));
        if piece.stderr { &mut stderr } else { &mut stdout }.extend(piece.bytes);
    }
    (stdout, stderr)
}

fn nothing_captured(outcome: &Outcome) -> bool {
    outcome.stdout.bytes.is_empty()
        && outcome.stderr.as_ref().is_none_or(|stderr| stderr.bytes.is_empty())
}

#[tokio::test]
async fn both_streams_reach_the_reader_completely_and_are_not_captured() {
    for (trees, executor) in executors(&settings()) {
        let (reader, pieces) = mpsc::channel(1);
        let cmd = "seq 1 50000; seq 1 50000 >&2; exec >&-; sleep 0.05; echo last >&2";
        let both = Spec { separate_stderr: true, ..spec(cmd) };
        let (outcome, (stdout, stderr)) =
            tokio::join!(executor.stream(both, reader, future::pending()), read(pieces));
        let outcome = outcome.unwrap();
        let all: Vec<u8> = (1..=50_000).flat_map(|n: u32| format!("{n}\n").into_bytes()).collect();
        assert!(stdout == all && stderr == [&all[..], b"last\n"].concat(), "{trees:?}");
        assert!(nothing_captured(&outcome) && outcome.stdout.dropped == 0, "{trees:?} {outcome:?}");
        assert_eq!(outcome.end, CommandEnd::Exited(0));
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_command_whose_reader_stalls_waits_until_its_time_out_and_the_unread_output_is_counted() {
    for (trees, executor) in executors(&settings()) {
        let (reader, mut pieces) = mpsc::channel(1);
        let timeout = Some(Duration::from_secs(2));
        let flood = Spec { timeout, ..spec("trap '' TERM; yes") };
        let outcome = executor.stream(flood, reader, future::pending()).await.unwrap();
        assert_eq!(outcome.end, CommandEnd::TimedOut, "{trees:?}");
        // One piece reached the reader; at most one full pipe was dropped.
        let dropped = outcome.stdout.dropped;
        assert!((1..=64 * 1024).contains(&dropped), "{trees:?}: {dropped}");
        assert!((1..=MAX_PIECE).contains(&pieces.recv().await.unwrap().bytes.len()));
        assert!(pieces.recv().await.is_none());
        assert!(outcome.usage.is_some());
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_slow_reader_gets_the_output_that_an_ended_command_left_in_the_pipe() {
    for (trees, executor) in executors(&settings()) {
        let (reader, mut pieces) = mpsc::channel(1);
        let marker = Marker::new();
        let running = executor.stream(
            spec(&marker.script("yes | head -c 60000; sleep MARK & sleep 0.1")),
            reader,
            future::pending(),
        );
        let slow = async {
            let mut size = 0;
            while let Some(piece) = pieces.recv().await {
                size += piece.bytes.len();
                // Longer than the bound for output of background children.
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            size
        };
        let (outcome, size) = tokio::join!(running, slow);
        let outcome = outcome.unwrap();
        assert_eq!(
            (outcome.end, outcome.stdout.dropped, size),
            (CommandEnd::Exited(0), 0, 60_000),
            "{trees:?}"
        );
        marker.kill();
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_command_continues_when_its_reader_is_gone() {
    for (trees, executor) in executors(&settings()) {
        let (reader, mut pieces) = mpsc::channel(1);
        let running =
            executor.stream(spec("yes | head -c 3000000; exit 7"), reader, future::pending());
        let leaves = async {
            pieces.recv().await.unwrap();
            drop(pieces);
        };
        let (outcome, ()) = tokio::join!(running, leaves);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.end, CommandEnd::Exited(7), "{trees:?}");
        assert!(outcome.stdout.dropped > 2_900_000, "{trees:?} {}", outcome.stdout.dropped);
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_command_whose_reader_stalls_can_be_cancelled_and_ends_at_shutdown() {
    for (trees, executor) in executors(&settings()) {
        let marker = Marker::new();
        let script = marker.script("sleep MARK & yes");
        let (reader, _pieces) = mpsc::channel(1);
        let runs = eventually("it runs", || marker.sleepers().len() == 1);
        let outcome = executor.stream(spec(&script), reader, runs).await.unwrap();
        assert_eq!((outcome.end, marker.sleepers()), (CommandEnd::Cancelled, vec![]), "{trees:?}");

        let (reader, _pieces) = mpsc::channel(1);
        let running = executor.stream(spec(&script), reader, future::pending());
        let shutdown = async {
            eventually("it runs", || marker.sleepers().len() == 1).await;
            executor.shutdown().await;
            assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{trees:?}");
        };
        let (outcome, ()) = tokio::join!(running, shutdown);
        assert_eq!(outcome.unwrap().end, CommandEnd::Cancelled, "{trees:?}");
    }
}
