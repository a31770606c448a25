//! Kills and measurements on a real disk.

use super::super::committer::Committer;
use super::super::disk::Directory;
use super::super::log::Log;
use super::committer::{NEW, RecordingReplica, at_once, local};
use super::memory::Random;
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::Scratch;

/// Creates a folder beside the test's executable: the system's temporary directory may be memory.
fn scratch(name: &str) -> Scratch {
    Scratch::where_accepted(name, |_| true).expect("the test's own folder is writable")
}

const WRITER: &str = "BASICAGENT_TEST_JOURNAL_WRITER";

/// Not a test of its own: `a_killed_writer…` runs it in a process that is killed.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    let (mut log, found) = Log::open(Directory::new(path.as_ref())).unwrap();
    let mut kept = found.records;
    for number in kept.len().. {
        let record = format!("{number}{}", "x".repeat(number % 300)).into_bytes();
        if log.room() < 1000 {
            log.rewrite(&kept, 1000).unwrap();
        }
        log.append(&record).unwrap();
        log.commit().unwrap();
        kept.push(record);
        eprintln!("committed {number}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test starts itself")]
fn a_killed_writer_loses_no_record_that_it_reported() {
    use std::io::{BufRead as _, BufReader};
    let scratch = scratch("journal-kill");
    let mut random = Random(5);
    let mut reported = 0;
    for _ in 0..20 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["task::journal::tests::disk::writer", "--exact", "--nocapture"])
            .env(WRITER, scratch.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let wanted = 1 + random.below(60);
        for line in lines.take(wanted) {
            reported =
                line.unwrap().strip_prefix("committed ").unwrap().parse::<usize>().unwrap() + 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (_, found) = Log::open(Directory::new(scratch.path())).unwrap();
        assert!(found.records.len() >= reported, "{} of {reported}", found.records.len());
        assert_eq!((found.damaged, &found.set_aside), (0, &None));
        for (number, record) in found.records.iter().enumerate() {
            assert_eq!(*record, format!("{number}{}", "x".repeat(number % 300)).into_bytes());
        }
    }
}

/// Prints what a commit costs beside a bare write and sync: `cargo test --release -p agent-core
/// journal -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it prints a table")]
fn cost_of_a_commit() {
    use std::os::unix::fs::FileExt as _;
    let scratch = scratch("journal-cost");
    let file = std::fs::File::create(scratch.path().join("floor")).unwrap();
    file.write_all_at(&vec![0; 4 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let bare = |at: u64| {
        file.write_all_at(&[1; 200], at % (4 << 20)).unwrap();
        file.sync_data().unwrap();
    };
    local().block_on(async {
        let (committer, _) =
            Committer::open(Directory::new(scratch.path()), Arc::<RecordingReplica>::default())
                .unwrap();
        let committer = Arc::new(committer);
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for turn in 0..1000 {
            let start = Instant::now();
            committer.commit(vec![vec![1; 200]], NEW).await.unwrap();
            ours.push(start.elapsed());
            let start = Instant::now();
            bare(turn * 200);
            floor.push(start.elapsed());
        }
        let at = |times: &mut Vec<Duration>, percent: usize| {
            times.sort_unstable();
            times[times.len() * percent / 100]
        };
        for percent in [50, 99] {
            let (a, b) = (at(&mut ours, percent), at(&mut floor, percent));
            println!(
                "commit p{percent} {a:?}, bare {b:?}: {:.2}",
                a.as_secs_f64() / b.as_secs_f64()
            );
        }
        for _ in 0..3 {
            let start = Instant::now();
            at_once(&committer, 1000).await;
            let together = start.elapsed();
            let start = Instant::now();
            (0..1000).for_each(|number| bare(number * 200));
            let in_turn = start.elapsed();
            let times = in_turn.as_secs_f64() / together.as_secs_f64();
            println!(
                "1000 at once {together:?}, 1000 syncs in turn {in_turn:?}: {times:.1} times faster"
            );
        }
    });
}
