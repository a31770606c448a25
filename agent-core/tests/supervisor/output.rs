//! Output in bounded files, which can be read while they are written.

use crate::host::hosts;
use crate::roles;
use crate::support::{BOTH, Marker, eventually, needs_root, spec};
use agent_core::exec::{CommandEnd, ExecSettings, Spec};
use agent_sys::spool::Stream;
use std::fs;
use std::os::unix::fs::MetadataExt;

#[tokio::test]
async fn output_can_be_read_by_offset_while_the_command_runs() {
    for host in hosts(&ExecSettings::default()) {
        let marker = Marker::new();
        let script = marker.script("echo first; echo aside >&2; sleep MARK; echo second");
        let task = host.begin(Spec { separate_stderr: true, ..spec(&script) }).await;
        eventually("it sleeps", || marker.sleepers().len() == 1).await;
        eventually("both lines are there", || {
            let totals = host.files.totals(task.n);
            (totals.stdout.total, totals.stderr.total) == (6, 6)
        })
        .await;
        assert_eq!(task.read(Stream::Stdout, 0).bytes, b"first\n");
        assert_eq!(task.read(Stream::Stderr, 2).bytes, b"ide\n");
        let end = task.read(Stream::Stdout, 6);
        assert_eq!((end.next, &end.bytes[..]), (6, &b""[..]));
        assert_eq!(
            task.read(Stream::Stdout, 600).next,
            6,
            "an offset beyond the end becomes the end"
        );
        marker.kill();
        task.record().await;
        assert_eq!(task.read(Stream::Stdout, 6).bytes, b"second\n");
        assert_eq!(task.stdout(), "first\nsecond\n");
        let file = fs::metadata(host.files.path().join(Stream::Stdout.file_name(task.n))).unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn output_beyond_the_bound_keeps_head_and_tail_and_counts_everything() {
    let stream: Vec<u8> = (1..=400_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let total = stream.len() as u64;
    for host in hosts(&ExecSettings::default()) {
        for max in [0, 1, 7, 4096, 100_001, 1 << 20, 4 << 20] {
            let (record, task) =
                host.run(Spec { max_output: Some(max), ..spec("seq 400000") }).await;
            let kept = task.stored(Stream::Stdout);
            let (head, tail) = (max / 2, max - max / 2);
            let expected = if max as u64 >= total {
                stream.clone()
            } else {
                [&stream[..head], &stream[stream.len() - tail..]].concat()
            };
            assert!(kept.bytes == expected, "max {max}: {} bytes kept", kept.bytes.len());
            assert_eq!(kept.dropped, total - expected.len() as u64);
            let extent = record.totals.stdout;
            assert_eq!((extent.total, extent.stopped), (total, false));
            let length = fs::metadata(host.files.path().join(Stream::Stdout.file_name(task.n)));
            assert_eq!(length.map_or(0, |file| file.len()), expected.len() as u64);
        }
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_reader_gets_no_wrong_byte_while_the_ring_is_overwritten() {
    let line = |n: u64| format!("{n:07}\n").into_bytes();
    for host in hosts(&ExecSettings::default()) {
        for max in [1000, 100_000] {
            let cmd = "for i in {0..60}; do seq -f %07.0f $((i * 5000)) $((i * 5000 + 4999)); done";
            let task = host.begin(Spec { max_output: Some(max), ..spec(cmd) }).await;
            let (mut next, mut seen, mut jumps) = (0, 0, 0);
            // However fast we read from now on, the first bytes are overwritten.
            let written = || host.files.totals(task.n).stdout.total;
            eventually("the ring was overwritten", || written() > 4 * max as u64).await;
            while next < 61 * 5000 * 8 {
                let part = task.read(Stream::Stdout, next);
                jumps += u32::from(part.offset > next);
                for (at, byte) in (part.offset..).zip(&part.bytes) {
                    let at_in_line = usize::try_from(at % 8).unwrap();
                    assert_eq!(*byte, line(at / 8)[at_in_line], "at {at}, max {max}");
                }
                seen += part.bytes.len();
                next = part.next;
                tokio::task::yield_now().await;
            }
            assert!(seen >= max && jumps > 0, "{seen} bytes, {jumps} jumps");
            task.record().await;
        }
        host.executor.shutdown().await;
    }
}

#[test]
fn a_full_disk_loses_output_but_neither_the_command_nor_its_record() {
    if !needs_root() {
        return;
    }
    for trees in BOTH {
        let said = roles::play_on_full_disk("full-disk", trees);
        let expected = "big Exited(0) total 3000000 stopped whole prefix\nsmall Exited(7) total 6 stopped none\n\
                        afterwards Exited(0) total 6 stored\n";
        assert_eq!(said, expected, "{trees:?}");
    }
}

#[tokio::test]
async fn a_background_child_that_holds_the_pipe_does_not_delay_the_record() {
    for host in hosts(&ExecSettings::default()) {
        let marker = Marker::new();
        let task = host.begin(spec(&marker.script("echo begun; sleep MARK & exit 9"))).await;
        task.reaped().await;
        let record = host.files.record(task.n).await;
        assert_eq!((record.end.unwrap(), &task.stdout()[..]), (CommandEnd::Exited(9), "begun\n"));
        eventually("the background child lives on", || marker.sleepers().len() == 1).await;
        task.give_back(None);
        if let Some(leaf) = &task.leaf {
            host.executor.sweep_leaves(|_| false);
            assert!(leaf.exists(), "the child is still in the leaf");
            marker.kill();
            eventually("the child is gone", || marker.sleepers().is_empty()).await;
            // The kernel may need a moment more than /proc to see it empty.
            eventually("its leaf is removed", || {
                host.executor.sweep_leaves(|_| false);
                !leaf.exists()
            })
            .await;
        }
        marker.kill();
        host.executor.shutdown().await;
    }
}
