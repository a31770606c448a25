use super::super::Spool;
use super::*;
use std::os::fd::AsFd;
use test_support::Scratch;

/// A folder for spools, and the folder's descriptor.
struct Spools(Scratch, File);

impl Spools {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let dir = File::open(scratch.path()).unwrap();
        Self(scratch, dir)
    }

    fn source(&self, n: u64, max: u64) -> Source<'_> {
        Source { dir: self.1.as_fd(), n, stream: Stream::Stdout, max }
    }
}

#[test]
fn head_and_tail_are_kept_in_any_split_of_the_stream() {
    let scratch = Spools::new("spool-split");
    let stream: Vec<u8> = (b'a'..=b'z').collect();
    let table: [(u64, &str, &str, u64); 7] = [
        (0, "", "", 26),
        (1, "", "z", 25),
        (5, "ab", "xyz", 21),
        (10, "abcde", "vwxyz", 16),
        (25, "abcdefghijkl", "nopqrstuvwxyz", 1),
        (26, "abcdefghijklm", "nopqrstuvwxyz", 0),
        (100, "abcdefghijklmnopqrstuvwxyz", "", 0),
    ];
    let mut n = 0;
    for (max, head, tail, dropped) in table {
        for size in 1..=26 {
            n += 1;
            let mut spool = Spool::new(Stream::Stdout.file_name(n), max);
            for piece in stream.chunks(size) {
                spool.push(scratch.1.as_fd(), piece, |_| {});
                check_running(scratch.source(n, max), spool.extent());
            }
            let extent = spool.extent();
            let kept = scratch.source(n, max).stored(extent).unwrap();
            // With no room at all everything counts as dropped in the middle.
            let expected =
                StoredOutput { head: head.into(), tail: tail.into(), dropped, missing: 0 };
            let both = [&kept.head[..], &kept.tail].concat();
            assert_eq!(both, [&expected.head[..], &expected.tail].concat(), "max {max}, by {size}");
            assert_eq!((kept.dropped, kept.missing), (expected.dropped, 0), "max {max}, by {size}");
            assert_eq!((extent.stored(max), extent.total), (both.len() as u64, 26));
        }
    }
}

/// Checks that every part has the bytes that were printed at its offset.
fn check_running(source: Source<'_>, extent: Extent) {
    for offset in 0..30 {
        let part = source.read(|| Ok(extent), offset, 7).unwrap();
        assert!(
            part.offset >= offset.min(extent.total)
                && part.next == part.offset + part.bytes.len() as u64
        );
        for (at, byte) in (part.offset..).zip(&part.bytes) {
            assert_eq!(u64::from(*byte - b'a'), at, "{extent:?} {part:?}");
        }
    }
}

#[test]
fn a_reader_that_the_ring_overtakes_returns_only_the_bytes_still_there() {
    let scratch = Spools::new("spool-race");
    let mut spool = Spool::new(Stream::Stdout.file_name(1), 8);
    spool.push(scratch.1.as_fd(), b"abcdefgh", |_| {});
    // The first extent is the old one; before the second the ring goes on.
    let mut asked = 0;
    let part = scratch.source(1, 8).read(
        || {
            asked += 1;
            let before = spool.extent();
            if asked == 1 {
                spool.push(scratch.1.as_fd(), b"ij", |_| {});
                return Ok(before);
            }
            Ok(spool.extent())
        },
        4,
        100,
    );
    assert_eq!(part.unwrap(), Part { offset: 6, bytes: b"gh".to_vec(), next: 8 });
}

#[test]
fn bytes_are_announced_before_they_are_overwritten() {
    let scratch = Spools::new("spool-announce");
    let mut spool = Spool::new(Stream::Stdout.file_name(1), 8);
    spool.push(scratch.1.as_fd(), b"abcdefgh", |_| panic!("nothing is overwritten yet"));
    let mut announced = None;
    spool.push(scratch.1.as_fd(), b"ijk", |extent| announced = Some(extent));
    let announced = announced.unwrap();
    assert_eq!((announced.tail, announced.written, announced.total), (7, 8, 11));
}

#[test]
fn where_no_file_can_be_made_the_command_only_loses_output() {
    let scratch = Spools::new("spool-taken");
    std::os::unix::fs::symlink("/etc/passwd", scratch.0.file("1.out")).unwrap();
    let mut spool = Spool::new(Stream::Stdout.file_name(1), 8);
    for _ in 0..3 {
        spool.push(scratch.1.as_fd(), b"abcdefgh", |_| {});
    }
    assert_eq!(spool.extent(), Extent { total: 24, written: 0, tail: 0, stopped: true });
    let kept = scratch.source(1, 8).stored(spool.extent()).unwrap();
    assert_eq!(kept, StoredOutput { missing: 24, ..StoredOutput::default() });
    let part = scratch.source(1, 8).read(|| Ok(spool.extent()), 0, 100).unwrap();
    assert_eq!((part.offset, part.next), (24, 24));
}
